import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";
import { RpcUnansweredError } from "../../cli/rpc-errors.ts";
import type { TestDaemon } from "../helpers/daemon.ts";
import { eventually } from "../helpers/eventually.ts";
import type { ServedImage } from "../helpers/image-service.ts";
import { qcow2Image, rawImage } from "../helpers/test-images.ts";
import { anAdmin, useStage, type VolumeView } from "../helpers/use-stage.ts";
import { backendFiles, wrongVolumes } from "../helpers/volume-bytes.ts";

/** Command lines of all processes that have this text in theirs. */
async function processesWith(text: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(
      async (pid) =>
        await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
    ),
  );
  return lines.filter((line) => line.includes(text));
}

describe("kill -9 in the middle of a download", () => {
  const stage = useStage();

  /** Four creates of one image by one daemon, which has the half of it. */
  async function fourCreates(
    image: ServedImage,
    daemon: TestDaemon,
  ): Promise<{ ids: string[]; answers: Promise<VolumeView[]> }> {
    const ids = Array.from({ length: 4 }, () => randomUUID());
    const server = `${daemon.nodeName}@file`;
    const answers = ids.map(
      async (volume_id) =>
        await stage.create(
          image.id,
          { volume_id },
          { server, timeoutMs: 45_000 },
        ),
    );
    await stage.images.whenHeld(image);
    await eventually("three wait beside the first", async () => {
      const stats = await stage.call<Record<string, number>>(
        "cache_stats",
        {},
        { context: anAdmin },
      );
      return stats["open_jobs"] === 5;
    });
    return { ids, answers: Promise.all(answers) };
  }

  async function expectAllRight(
    image: ServedImage,
    ids: readonly string[],
    answers: readonly VolumeView[],
  ): Promise<void> {
    expect(answers.map(({ status }) => status)).toEqual(
      Array(4).fill("available"),
    );
    expect(await wrongVolumes(stage.root, ids, image.image.raw)).toEqual([]);
    await eventually("hits and misses", () => {
      const { hit, miss } = stage.events.lookups(ids);
      return hit + miss >= 4;
    });
    await eventually("no hit or miss is left to be sent", async () => {
      const rows = await stage.redis.hvals("ivc:{file}:outbox");
      return !rows.some((row) => /image_volume_cache\.(hit|miss)/.test(row));
    });
    expect(stage.events.lookups(ids)).toEqual({ hit: 3, miss: 1 });
    expect(await processesWith(stage.root)).toEqual([]);
  }

  it.each([
    ["a raw image", async () => rawImage(1024 ** 2)],
    ["a qcow2 image", async () => await qcow2Image(rawImage(1024 ** 2))],
  ] as const)(
    "of %s: started again, the daemon finishes all four",
    async (_what, make) => {
      const name = `again-${randomUUID().slice(0, 4)}`;
      const daemon = await stage.start(name);
      const before = await backendFiles(stage.root);
      const image = stage.images.add(await make(), { holdAt: 512 * 1024 });
      const { ids, answers } = await fourCreates(image, daemon);
      await daemon.kill();
      stage.images.letGo(image);
      await daemon.start();
      await expectAllRight(image, ids, await answers);
      const files = await backendFiles(stage.root);
      expect(files.leftovers).toEqual([]);
      expect(files.images).toHaveLength(before.images.length + 1);
      expect(files.volumes).toHaveLength(before.volumes.length + 4);
      expect(image.downloads).toBe(2);
      expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    },
    60_000,
  );

  it.each([
    ["a raw image", async () => rawImage(1024 ** 2)],
    ["a qcow2 image", async () => await qcow2Image(rawImage(1024 ** 2))],
  ] as const)(
    "of %s: another daemon finishes all four",
    async (_what, make) => {
      const names = ["dead", "heir"].map(
        (word) => `${word}-${randomUUID().slice(0, 4)}`,
      );
      const [dead, heir] = [
        await stage.start(names[0] ?? ""),
        await stage.start(names[1] ?? ""),
      ];
      const before = await backendFiles(stage.root);
      const image = stage.images.add(await make(), { holdAt: 512 * 1024 });
      const { ids, answers } = await fourCreates(image, dead);
      await dead.kill();
      stage.images.letGo(image);
      await expectAllRight(image, ids, await answers);
      await eventually(
        "nothing half-made is left",
        async () => (await backendFiles(stage.root)).leftovers.length === 0,
      );
      const files = await backendFiles(stage.root);
      expect(files.images).toHaveLength(before.images.length + 1);
      expect(files.volumes).toHaveLength(before.volumes.length + 4);
      expect(image.downloads).toBe(2);
      expect(heir.log("job taken over").length).toBeGreaterThanOrEqual(5);
      expect(await heir.stop()).toEqual({ code: 0, signal: null });
    },
    60_000,
  );

  it("of a daemon that only stood still: it changes nothing more when it wakes", async () => {
    const [asleep, heir] = [
      await stage.start("asleep"),
      await stage.start("awake"),
    ];
    const image = stage.images.add(rawImage(1024 ** 2), { holdAt: 512 * 1024 });
    const { ids, answers } = await fourCreates(image, asleep);
    asleep.signal("SIGSTOP");
    stage.images.letGo(image);
    const finished = await answers;
    asleep.signal("SIGCONT");
    await expectAllRight(image, ids, finished);
    await eventually(
      "it has given its jobs up",
      async () =>
        (await asleep.metric("ivc_jobs_in_flight", 'backend="file"')) === 0,
    );
    expect((await backendFiles(stage.root)).leftovers).toEqual([]);
    expect(await wrongVolumes(stage.root, ids, image.image.raw)).toEqual([]);
    const again = await stage.create(image.id, {}, { server: "asleep@file" });
    expect(again.path).toBe("hit");
    for (const daemon of [asleep, heir]) {
      expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    }
  }, 60_000);

  it("leaves callers that gave up with a volume when they repeat", async () => {
    const daemon = await stage.start("late");
    const image = stage.images.add(rawImage(), { holdAt: 1000 });
    const volume_id = randomUUID();
    const args = { volume_id };
    await expect(
      stage.create(image.id, args, { timeoutMs: 500 }),
    ).rejects.toThrow(RpcUnansweredError);
    await daemon.kill();
    stage.images.letGo(image);
    await daemon.start();
    expect(await stage.create(image.id, args)).toMatchObject({ volume_id });
    await stage.events.has("image_volume_cache.miss", { volume_id });
    expect(stage.events.lookups([volume_id])).toEqual({ hit: 0, miss: 1 });
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  }, 60_000);
});
