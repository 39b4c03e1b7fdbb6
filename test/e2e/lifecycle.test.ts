import { randomUUID } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { eventually } from "../helpers/eventually.ts";
import { RawCaller } from "../helpers/raw-caller.ts";
import { askTestBroker } from "../helpers/test-broker.ts";
import { rawImage } from "../helpers/test-images.ts";
import { ownsServers, useStage } from "../helpers/use-stage.ts";
import { backendFiles, wrongVolumes } from "../helpers/volume-bytes.ts";

const canary = "canary-5d1e8a";
/** In a query: the journal has to keep that, or a takeover could not download. */
const signature = "signature-77c0";

describe("a daemon's life", () => {
  const stage = useStage();

  it("ends on SIGTERM with the create in work finished and answered", async () => {
    const daemon = await stage.start("draining");
    const image = stage.images.add(rawImage(), { holdAt: 100_000 });
    const answer = stage.create(image.id);
    await stage.images.whenHeld(image);
    daemon.signal("SIGTERM");
    await eventually("it says so", async () => {
      const { status, body } = await daemon.page("/readyz");
      return status === 503 && body.includes("draining");
    });
    expect((await daemon.page("/healthz")).status).toBe(200);
    // What comes now is left to others.
    const later = stage.create(image.id);
    stage.images.letGo(image);
    const first = await answer;
    expect(first).toMatchObject({ status: "available", path: "miss" });
    expect(await daemon.exit).toEqual({ code: 0, signal: null });
    const heir = await stage.start("heir");
    const second = await later;
    expect(second.path).toBe("hit");
    const ids = [first.volume_id, second.volume_id];
    expect(await wrongVolumes(stage.root, ids, image.image.raw)).toEqual([]);
    await stage.events.has("image_volume_cache.miss", {
      volume_id: first.volume_id,
    });
    expect(await heir.stop()).toEqual({ code: 0, signal: null });
  });

  it("ends at the second SIGTERM, whatever is in work, and another finishes it", async () => {
    const daemon = await stage.start("forced");
    const image = stage.images.add(rawImage(), { holdAt: 100_000 });
    const answer = stage.create(image.id);
    await stage.images.whenHeld(image);
    daemon.signal("SIGTERM");
    await eventually("it drains", async () =>
      (await daemon.page("/readyz")).body.includes("draining"),
    );
    daemon.signal("SIGTERM");
    expect(await daemon.exit).toEqual({ code: 143, signal: null });
    stage.images.letGo(image);
    const heir = await stage.start("heir");
    expect(await answer).toMatchObject({ status: "available", path: "miss" });
    expect((await backendFiles(stage.root)).leftovers).toEqual([]);
    expect(await heir.stop()).toEqual({ code: 0, signal: null });
  });

  it("gives up what is still in work at the end of the drain's time", async () => {
    const daemon = await stage.start("hasty", { IVC_DRAIN_TIMEOUT: "300ms" });
    const image = stage.images.add(rawImage(), { holdAt: 100_000 });
    const answer = stage.create(image.id);
    await stage.images.whenHeld(image);
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    stage.images.letGo(image);
    // Given up, so taken at once: the claim's time need not run out.
    const heir = await stage.start("heir", { IVC_CLAIM_TTL: "1m" });
    expect(await answer).toMatchObject({ status: "available" });
    expect((await backendFiles(stage.root)).leftovers).toEqual([]);
    expect(await heir.stop()).toEqual({ code: 0, signal: null });
  });

  it("does not wait at its end for a caller that is gone", async () => {
    const daemon = await stage.start("unheard");
    const image = stage.images.add(rawImage());
    const volume_id = randomUUID();
    await using caller = await RawCaller.open(stage);
    const gone = { _reply_q: `reply_${"0".repeat(32)}` };
    caller.publish(caller.body({ volume_id, image_id: image.id }, gone));
    await stage.events.has("volume.create.end", { volume_id });
    const begun = performance.now();
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it("shows health, readiness, and metrics of what it did", async () => {
    const daemon = await stage.start("shown");
    const image = stage.images.add(rawImage());
    await stage.create(image.id);
    await stage.create(image.id);
    await stage.create(image.id, { cache: "bypass" });
    await expect(stage.create(randomUUID())).rejects.toThrow(
      /^IMAGE_NOT_FOUND/,
    );
    const requests = async (path: string, outcome: string) =>
      await daemon.metric(
        "ivc_create_requests_total",
        `backend="file",path="${path}",outcome="${outcome}"`,
      );
    expect(await requests("miss", "success")).toBe(1);
    expect(await requests("hit", "success")).toBe(1);
    expect(await requests("bypass", "success")).toBe(1);
    expect(await requests("refused", "error")).toBe(1);
    const { length } = image.image.bytes;
    expect(
      await daemon.metric("ivc_downloaded_bytes_total", 'backend="file"'),
    ).toBe(2 * length);
    const entries = (await backendFiles(stage.root)).images.length;
    const counted = 'backend="file",kind="entries"';
    expect(await daemon.metric("ivc_cache_entries", counted)).toBe(entries);
    expect(await daemon.metric("ivc_cache_bytes", counted)).toBe(
      entries * 1024 ** 3,
    );
    for (const connection of ["redis", "amqp_consume", "amqp_publish"]) {
      expect(
        await daemon.metric("ivc_connection_up", `connection="${connection}"`),
      ).toBe(1);
    }
    expect(await daemon.page("/healthz")).toMatchObject({ status: 200 });
    expect(await daemon.page("/readyz")).toEqual({
      status: 200,
      body: "ready\n",
    });
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  });

  (ownsServers ? describe : describe.skip)("while Redis is away", () => {
    it("says so, and serves when it is back", async () => {
      const daemon = await stage.start("patient");
      const image = stage.images.add(rawImage());
      await stage.create(image.id);
      await stage.redisServer.kill("SIGKILL");
      try {
        await eventually("it tells what is away", async () => {
          const { status, body } = await daemon.page("/readyz");
          return status === 503 && body.includes("redis: not connected");
        });
        expect((await daemon.page("/healthz")).status).toBe(200);
        const page = await daemon.page("/metrics");
        expect(page.status).toBe(200);
        expect(page.body).toContain('ivc_connection_up{connection="redis"} 0');
      } finally {
        await stage.redisServer.restart();
      }
      await daemon.ready();
      expect((await stage.create(image.id)).path).toBe("hit");
      expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    });
  });

  it("waits for servers that are away when it starts, and can be stopped meanwhile", async () => {
    const nowhere = await stage.prepare("waiting", {
      IVC_REDIS_URL: "redis://127.0.0.1:1",
    });
    nowhere.launch();
    await eventually(
      "it waits",
      async () => (await nowhere.page("/readyz")).status === 503,
    );
    expect((await nowhere.page("/readyz")).body).toContain(
      "redis: not connected",
    );
    expect((await nowhere.page("/healthz")).status).toBe(200);
    expect(await nowhere.stop()).toEqual({ code: 0, signal: null });
  });

  it("lets no secret out: not in logs, events, errors, answers or Redis", async () => {
    const started = await stage.start("secretive", {
      IVC_LOG_LEVEL: "debug",
      ...(await passwordsInUrls()),
      NODE_CONFIG: JSON.stringify({
        images: { allowedUrls: [stage.images.url] },
      }),
    });
    const context = {
      project_id: "project-a",
      auth_token: canary,
      request_id: "req-canary",
    };
    const image = stage.images.add(rawImage(), { token: canary });
    const texts: string[] = [];
    const made = await stage.create(image.id, {}, { context });
    expect(stage.images.tokensSeen).toContain(canary);
    texts.push(JSON.stringify(made));
    const refused = [
      [{ image_id: randomUUID() }, context],
      [{ image_id: image.id, size: 0 }, context],
      [
        {
          image_url: stage.images.url.replace("//", `//user:${canary}@`),
          disk_format: "raw",
        },
        context,
      ],
      [
        {
          image_url: `${stage.images.url}/files/x?sig=${signature}`,
          disk_format: "raw",
        },
        context,
      ],
    ] as const;
    for (const [args, own] of refused) {
      await stage.call("create_volume", args, { context: own }).then(
        () => {
          throw new Error("it should be refused");
        },
        (error: unknown) => texts.push(String(error)),
      );
    }
    await stage.events.has("image_volume_cache.miss", {
      request_id: "req-canary",
    });
    texts.push(...stage.events.received.map(({ text }) => text));
    const wrongBroker = await stage.prepare("wrong-broker", {
      IVC_AMQP_URL: stage.amqpUrl.replace("guest:guest", `guest:${canary}`),
      IVC_LOG_LEVEL: "debug",
    });
    const wrongRedis = await stage.prepare("wrong-redis", {
      IVC_REDIS_URL: stage.redisUrl.replace("//", `//:${canary}@`),
      IVC_LOG_LEVEL: "debug",
    });
    const wrongSettings = await stage.prepare("wrong-settings", {
      IVC_AMQP_URL: `amqp:/guest:${canary}@nowhere`,
    });
    for (const daemon of [wrongBroker, wrongRedis, wrongSettings]) {
      daemon.launch();
    }
    await eventually("the broker refuses", () =>
      wrongBroker.output.includes("AMQP_AUTH"),
    );
    await eventually("Redis refuses, or takes no password", () =>
      /redis/i.test(wrongRedis.output),
    );
    expect((await wrongSettings.exit).code).toBe(78);
    for (const daemon of [wrongBroker, wrongRedis]) {
      if (daemon.isRunning) {
        daemon.signal("SIGTERM");
        daemon.signal("SIGTERM");
      }
      await daemon.exit;
    }
    await started.stop();
    for (const each of [started, wrongBroker, wrongRedis, wrongSettings]) {
      expect(each.output).not.toBe("");
      texts.push(each.output);
    }
    // Also a signed URL is gone from Redis with the end of its job.
    texts.push(...(await everythingIn()));
    expect(texts.filter((text) => text.includes(signature))).toEqual([]);
    expect(texts.filter((text) => text.includes(canary))).toEqual([]);
  });

  /** Users of our own on both servers, whose password is the canary. */
  async function passwordsInUrls(): Promise<Record<string, string>> {
    if (!ownsServers) {
      return {};
    }
    const { amqpUrl, redisUrl } = stage;
    const vhost = new URL(amqpUrl).pathname.slice(1);
    const user = `user-of-${vhost}`;
    await askTestBroker("ctl", "add_user", user, canary);
    const rights = [user, ".*", ".*", ".*"];
    await askTestBroker("ctl", "set_permissions", "-p", vhost, ...rights);
    const all = ["on", `>${canary}`, "~*", "&*", "+@all"];
    await stage.redis.acl("SETUSER", user, ...all);
    const login = `//${user}:${canary}@`;
    return {
      IVC_AMQP_URL: amqpUrl.replace(/\/\/[^@]*@/, login),
      IVC_REDIS_URL: redisUrl.replace("//", login),
    };
  }

  /** Every key and value of Redis, as text. */
  async function everythingIn(): Promise<string[]> {
    const { redis } = stage;
    const texts: string[] = [];
    for (const key of await redis.keys("*")) {
      const dump = await redis.dumpBuffer(key);
      const value =
        (await redis.type(key)) === "hash"
          ? JSON.stringify(await redis.hgetall(key))
          : (dump?.toString("latin1") ?? "");
      texts.push(`${key} ${value}`);
    }
    expect(texts.length).toBeGreaterThan(5);
    return texts;
  }
});
