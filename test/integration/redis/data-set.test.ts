import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { silentLogger } from "../../../daemon/logger.ts";
import {
  connectRedis,
  type RedisConnection,
} from "../../../daemon/redis/connection.ts";
import { agreeOnDefaultBackend } from "../../../daemon/redis/default-backend.ts";
import { claimDataSet } from "../../../daemon/redis/redis-data-set.ts";
import { RedisVolumeDirectory } from "../../../daemon/redis/redis-volume-directory.ts";
import { eventually } from "../../helpers/eventually.ts";
import { useRedis } from "../../helpers/use-redis.ts";

const server = useRedis();
let redis: RedisConnection;

beforeEach(() => {
  redis = connectRedis({
    url: server.url,
    clientName: "ivc:test",
    logger: silentLogger,
  });
});

afterEach(async () => {
  await redis[Symbol.asyncDispose]();
});

const deadPid = 2 ** 22 - 3;

function claimOf(changes: object = {}) {
  return {
    redis,
    backend: "file",
    identity: "array-1",
    node: "n1",
    bootId: "boot-1",
    pid: process.pid,
    hostname: "host-1",
    nodeTtlMs: 400,
    ...changes,
  };
}

describe("claimDataSet", () => {
  it("knows its data again, and refuses another backend's", async () => {
    const first = await claimDataSet(claimOf());
    expect(first.isNew).toBe(true);
    await first[Symbol.asyncDispose]();
    await using again = await claimDataSet(claimOf({ bootId: "boot-2" }));
    expect(again).toMatchObject({ isNew: false, epoch: first.epoch });
    await expect(
      claimDataSet(claimOf({ node: "n2", identity: "array-2" })),
    ).rejects.toMatchObject({
      code: "BACKEND_CONFLICT",
      message: expect.stringContaining("array-1") as unknown,
    });
    await using other = await claimDataSet(
      claimOf({ backend: "other", identity: "array-2" }),
    );
    expect(other.isNew).toBe(true);
  });

  it("refuses data of a newer ivcd", async () => {
    await server.redis.set("ivc:{file}:schema", "99");
    await expect(claimDataSet(claimOf())).rejects.toMatchObject({
      code: "SCHEMA",
    });
    expect(await server.redis.exists("ivc:{file}:backend")).toBe(0);
  });

  it("refuses the node name of a living daemon, and gives it away when freed", async () => {
    const other = { bootId: "boot-2", pid: process.ppid };
    const first = await claimDataSet(claimOf());
    await expect(claimDataSet(claimOf(other))).rejects.toMatchObject({
      code: "NODE_ID_IN_USE",
      message: expect.stringContaining(
        `pid ${process.pid} on host-1`,
      ) as unknown,
    });
    await first[Symbol.asyncDispose]();
    const startMs = performance.now();
    await using second = await claimDataSet(claimOf(other));
    expect(second.isNew).toBe(false);
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  it("takes the name of a dead process of this host at once, of another host when it expired", async () => {
    const node = "ivc:{file}:node:n1";
    const dead = { boot_id: "boot-0", hostname: "host-1", pid: deadPid };
    await server.redis.hset(node, dead);
    const here = await claimDataSet(claimOf());
    await here[Symbol.asyncDispose]();
    await server.redis.hset(node, { ...dead, hostname: "host-0" });
    await server.redis.pexpire(node, 500);
    const startMs = performance.now();
    await using there = await claimDataSet(claimOf());
    expect(there.isNew).toBe(false);
    expect(performance.now() - startMs).toBeGreaterThan(300);
  });

  it("tells when the data were lost or the name was taken", async () => {
    const troubles: string[] = [];
    const onTrouble = (trouble: string) => troubles.push(trouble);
    await using first = await claimDataSet(claimOf({ onTrouble }));
    expect(first.isNew).toBe(true);
    await server.redis.flushdb();
    await eventually("data-lost", () => troubles.length === 1);
    await using second = await claimDataSet(claimOf({ node: "n2", onTrouble }));
    expect(second.isNew).toBe(true);
    await server.redis.hset("ivc:{file}:node:n2", "boot_id", "thief");
    await eventually("node-taken", () => troubles.length === 2);
    expect(troubles).toEqual(["data-lost", "node-taken"]);
  });
});

describe("agreeOnDefaultBackend", () => {
  it("refuses another default while a daemon stands by the first", async () => {
    const word = { redis, node: "n1", ttlMs: 400 };
    const first = await agreeOnDefaultBackend({ ...word, backend: "a" });
    await using same = await agreeOnDefaultBackend({ ...word, backend: "a" });
    await expect(
      agreeOnDefaultBackend({ ...word, backend: "b" }),
    ).rejects.toMatchObject({ code: "DEFAULT_BACKEND_CONFLICT" });
    await first[Symbol.asyncDispose]();
    await same[Symbol.asyncDispose]();
    await using changed = await agreeOnDefaultBackend({
      ...word,
      backend: "b",
    });
    expect(changed).toBeDefined();
  });
});

describe("RedisVolumeDirectory", () => {
  it("keeps the first backend that is said", async () => {
    const directory = new RedisVolumeDirectory({ redis });
    expect(await directory.backendOf("v")).toBeNull();
    expect(await directory.remember("v", "a")).toBe("a");
    expect(await directory.remember("v", "b")).toBe("a");
    expect(await directory.backendOf("v")).toBe("a");
    expect(await server.redis.ttl("ivc:where:v")).toBe(-1);
    await directory.forget("v");
    expect(await server.redis.ttl("ivc:where:v")).toBeGreaterThan(7 * 86_400);
  });
});
