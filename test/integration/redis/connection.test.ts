import { describe, expect, it } from "@jest/globals";
import { StoreUnavailableError } from "../../../daemon/errors.ts";
import { silentLogger } from "../../../daemon/logger.ts";
import { checkRedisServer } from "../../../daemon/redis/check-redis-server.ts";
import { connectRedis } from "../../../daemon/redis/connection.ts";
import { startRedis } from "../../../scripts/servers/redis-server.ts";
import { newCreate, openJob } from "../../contract/store-kit.ts";
import { eventually } from "../../helpers/eventually.ts";
import { redisStores } from "../../helpers/redis-rig.ts";

const clientName = "ivc:test";
const logger = silentLogger;
const password = "canary-4f6e";

function recordingLogger(lines: string[]) {
  const write = (event: string, fields?: object) => {
    lines.push(JSON.stringify({ event, ...fields }));
  };
  return { ...silentLogger, warn: write, info: write, error: write };
}

describe("connectRedis", () => {
  it("survives a killed Redis: calls wait for it, jobs and scripts are there again", async () => {
    await using server = await startRedis({
      appendOnly: true,
      args: ["--appendfsync", "always"],
    });
    await using redis = connectRedis({ url: server.url, clientName, logger });
    const states: boolean[] = [];
    redis.onChange((isReady) => states.push(isReady));
    const stores = redisStores(redis, "n1", {});
    const job = await openJob(stores);
    await server.kill("SIGKILL");
    await expect(stores.jobs.openCount()).rejects.toThrow(
      StoreUnavailableError,
    );
    expect(redis.isReady).toBe(false);
    // Sent while Redis is away: repeated until it is back.
    const waiting = redis.call(
      async (client) => await client.set("waited", "yes"),
      { deadlineMs: 30_000 },
    );
    await server.restart();
    expect(await waiting).toBe("OK");
    expect(await stores.jobs.openCreate(newCreate())).toMatchObject({
      kind: "opened",
    });
    expect(await stores.jobs.get(job.id)).toEqual({ job, isDone: false });
    expect(await stores.jobs.openCount()).toBe(2);
    expect(states).toEqual([true, false, true]);
    // The subscription came back by itself.
    let hints = 0;
    stores.hints.listen(() => {
      hints += 1;
    });
    await eventually("a hint after the restart", async () => {
      const next = await openJob(stores);
      await stores.jobs.finish({
        jobId: next.id,
        token: next.token,
        patch: { status: "available" },
        outcome: { kind: "result", result: null },
        events: [],
        releaseEntryKey: null,
      });
      return hints > 0;
    });
  });

  it("gives up at the deadline when Redis hangs, and works on afterwards", async () => {
    await using server = await startRedis();
    await using redis = connectRedis({ url: server.url, clientName, logger });
    await redis.call(async (client) => await client.set("a", "1"));
    await server.kill("SIGSTOP");
    const startMs = performance.now();
    await expect(
      redis.call(async (client) => await client.get("a"), { deadlineMs: 300 }),
    ).rejects.toThrow("REDIS_UNAVAILABLE");
    expect(performance.now() - startMs).toBeLessThan(4_500);
    await server.kill("SIGCONT");
    await eventually(
      "answers again",
      async () =>
        (await redis.call(async (client) => await client.get("a"))) === "1",
    );
  });

  it("never runs a command twice whose reply was lost", async () => {
    await using server = await startRedis();
    await using redis = connectRedis({ url: server.url, clientName, logger });
    await redis.call(async (client) => await client.set("n", "0"));
    await server.kill("SIGSTOP");
    const lost = redis.client.incr("n").catch(() => {});
    redis.client.disconnect(true);
    await server.kill("SIGCONT");
    await lost;
    await eventually("connected again", () => redis.isReady);
    const sum = await redis.call(async (client) => await client.get("n"));
    expect(Number(sum)).toBeLessThanOrEqual(1);
  });

  it("shows no password, neither in errors nor in the log", async () => {
    await using server = await startRedis({
      args: ["--requirepass", password],
    });
    const lines: string[] = [];
    const log = recordingLogger(lines);
    const seen: unknown[] = [];
    const wrong = `wrong-${password}`;
    const attempts = [
      { url: server.url.replace("//", `//:${wrong}@`) },
      { url: server.url, password: wrong },
      { url: server.url },
    ];
    for (const attempt of attempts) {
      await using redis = connectRedis({ ...attempt, clientName, logger: log });
      await expect(
        redis
          .call(async (client) => await client.set("a", "1"), {
            deadlineMs: 500,
          })
          .catch((error: unknown) => {
            seen.push(error);
            throw error;
          }),
      ).rejects.toThrow("REDIS_UNAVAILABLE");
    }
    const bad = `redis://:${password}@host:port`;
    expect(() => connectRedis({ url: bad, clientName, logger: log })).toThrow(
      "CONFIG_INVALID",
    );
    const shown = [
      ...lines,
      ...seen.map((error) => JSON.stringify(error, allProperties)),
    ].join("\n");
    expect(seen.map(String)).toEqual([
      expect.stringContaining("wrong user name or password"),
      expect.stringContaining("wrong user name or password"),
      expect.stringContaining("it wants a password"),
    ]);
    expect(shown).not.toContain("canary");
    await using right = connectRedis({
      url: server.url,
      password,
      clientName,
      logger,
    });
    await right.call(async (client) => await client.set("a", "1"));
  });
});

function allProperties(_key: string, value: unknown): unknown {
  return value instanceof Error
    ? Object.fromEntries(
        Object.getOwnPropertyNames(value).map((name) => [
          name,
          Reflect.get(value, name),
        ]),
      )
    : value;
}

describe("checkRedisServer", () => {
  it("finds a good server good and warns of a missing append-only file", async () => {
    await using server = await startRedis();
    await using redis = connectRedis({ url: server.url, clientName, logger });
    const report = await checkRedisServer(redis);
    expect(report.errors).toEqual([]);
    expect(report.warnings).toEqual([
      expect.stringContaining("append-only file is off"),
    ]);
    await redis.client.config("SET", "appendonly", "yes");
    expect((await checkRedisServer(redis)).warnings).toEqual([]);
  });

  it("refuses a policy that drops keys, and a replica", async () => {
    await using server = await startRedis();
    await using redis = connectRedis({ url: server.url, clientName, logger });
    await redis.call(async (client) => {
      await client.config("SET", "maxmemory-policy", "allkeys-lru");
      await client.replicaof("127.0.0.1", 1);
    });
    const { errors } = await checkRedisServer(redis);
    expect(errors.map(({ code }) => code)).toEqual([
      "REDIS_POLICY",
      "REDIS_REPLICA",
    ]);
    expect(errors[0]?.message).toContain("set it to noeviction");
  });
});
