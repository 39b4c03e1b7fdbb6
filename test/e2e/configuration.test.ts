import { randomUUID } from "node:crypto";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "@jest/globals";
import { startRedis } from "../../scripts/servers/redis-server.ts";
import type { TestDaemon } from "../helpers/daemon.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { useStage } from "../helpers/use-stage.ts";

describe("an ivcd that cannot serve as it is told", () => {
  const stage = useStage();

  /** What it prints when it refuses to start, one line each. */
  async function refusal(
    more: Readonly<Record<string, string>>,
    nodeName = `node-${randomUUID().slice(0, 6)}`,
  ): Promise<{ code: number | null; lines: string[]; daemon: TestDaemon }> {
    const daemon = await stage.prepare(nodeName, more);
    daemon.launch();
    const { code } = await daemon.exit;
    const lines = daemon.output
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("{"));
    return { code, lines, daemon };
  }

  it("ends with 78 and names every wrong setting with its variable and the fix, and no stack", async () => {
    await using folder = await tempFolder();
    const secret = path.join(folder.path, "password");
    await writeFile(secret, "canary-in-a-file");
    await chmod(secret, 0o644);
    const { code, lines } = await refusal({
      IVC_PREFETCH: "abc",
      IVC_CACHE_ENABLED: "maybe",
      IVC_CLAIM_TTL: "10 gb",
      NODE_CONFIG: JSON.stringify({ amqp: { prefech: 1 } }),
    });
    expect(code).toBe(78);
    expect(lines.toSorted()).toEqual(
      [
        "config: amqp.prefech is unknown (did you mean prefetch?)",
        'config: amqp.prefetch (IVC_PREFETCH) got "abc", need a whole number from 1 to 1000',
        'config: cache.image_volume_cache_enabled (IVC_CACHE_ENABLED) got "maybe", need true or false (also yes/no, on/off, 1/0)',
        'config: jobs.claimTtl (IVC_CLAIM_TTL) got "10 gb", need a time such as 500ms, 30s, 6h from 1s to 1h',
      ].toSorted(),
    );
    const world = await refusal({
      NODE_CONFIG: JSON.stringify({ redis: { password: { file: secret } } }),
    });
    expect(world.code).toBe(78);
    expect(world.lines).toEqual([
      `config: redis.password ${secret} can be read by every user: chmod 600 it`,
    ]);
  });

  it.each([
    [
      "68 a NODE_CONFIG that is no JSON",
      { NODE_CONFIG: "{bad" },
      "config: NODE_CONFIG is not a JSON object: correct or unset it",
    ],
    [
      "69 a folder that is not there",
      { NODE_CONFIG_DIR: "/nowhere" },
      "config: nothing found in /nowhere: point NODE_CONFIG_DIR to the folder that has default.json5",
    ],
    [
      "66 a variable that is empty",
      { IVC_AMQP_URL: "" },
      "config: IVC_AMQP_URL is set but empty (it sets amqp.url): give it a value or unset it",
    ],
    [
      "70 a claim shorter than three sweeps",
      { IVC_CLAIM_TTL: "2s", IVC_SWEEP_INTERVAL: "1s" },
      "config: jobs.claimTtl (2000 ms) must be at least 3 × jobs.sweepInterval (1000 ms)",
    ],
  ])("refuses %s", async (_what, more, line) => {
    const { code, lines } = await refusal(more);
    expect([code, lines]).toEqual([78, [line]]);
  });

  it("refuses a root that is not there, and one that it may not use", async () => {
    const missing = await refusal({ IVC_FILE_ROOT: "/nowhere/volumes" });
    expect(missing.code).toBe(78);
    expect(missing.lines).toEqual([
      expect.stringMatching(/^ivcd: BACKEND_UNUSABLE: .*\/nowhere\/volumes/),
    ]);
  });

  it("refuses a scratch folder that others can write to", async () => {
    const folder = await stage.folder("open");
    const own = path.join(folder, "scratchy");
    await mkdir(own);
    await chmod(own, 0o777);
    const { code, lines } = await refusal(
      { IVC_SCRATCH_DIR: folder },
      "scratchy",
    );
    expect(code).toBe(78);
    expect(lines).toEqual([
      expect.stringMatching(/^ivcd: SCRATCH_UNUSABLE: .*install -d -m 0700/),
    ]);
  });

  it("refuses a Redis that would forget", async () => {
    await using forgetful = await startRedis({
      args: ["--maxmemory-policy", "allkeys-lru"],
    });
    const { code, lines } = await refusal({ IVC_REDIS_URL: forgetful.url });
    expect(code).toBe(78);
    expect(lines).toEqual([
      expect.stringMatching(/^ivcd: REDIS_POLICY: .*allkeys-lru.*noeviction/),
    ]);
  });

  it("refuses the name, the port and the backend of another that runs", async () => {
    const first = await stage.start("first");
    const second = { driver: "file", root: await stage.folder("second") };
    const refusals = await Promise.all([
      refusal({}, "first"),
      refusal({ IVC_HTTP_PORT: new URL(first.httpUrl).port }),
      refusal({ IVC_FILE_ROOT: await stage.folder("another") }),
      refusal({
        NODE_CONFIG: JSON.stringify({
          backends: { second },
          defaultBackend: "second",
        }),
      }),
    ]);
    expect(refusals.map(({ code, lines }) => [code, ...lines])).toEqual(
      [
        /^ivcd: NODE_ID_IN_USE: .*first/,
        /^ivcd: HTTP_PORT: cannot listen on 127\.0\.0\.1/,
        /^ivcd: BACKEND_CONFLICT: /,
        /^ivcd: DEFAULT_BACKEND_CONFLICT: /,
      ].map((line) => [78, expect.stringMatching(line)]),
    );
    expect((await first.page("/readyz")).status).toBe(200);
    expect(await first.stop()).toEqual({ code: 0, signal: null });
  });
});
