import { setTimeout as sleep } from "node:timers/promises";
import { afterEach } from "@jest/globals";
import { silentLogger } from "../../daemon/logger.ts";
import {
  connectRedis,
  type RedisConnection,
} from "../../daemon/redis/connection.ts";
import { RedisCacheStore } from "../../daemon/redis/redis-cache-store.ts";
import { RedisHintBus } from "../../daemon/redis/redis-hint-bus.ts";
import { RedisJobStore } from "../../daemon/redis/redis-job-store.ts";
import { RedisOutbox } from "../../daemon/redis/redis-outbox.ts";
import { RedisVolumeStore } from "../../daemon/redis/redis-volume-store.ts";
import {
  shortTimes,
  type NodeStores,
  type StoreRig,
} from "../contract/store-kit.ts";
import { eventually } from "./eventually.ts";
import type { TestRedis } from "./use-redis.ts";

/** The stores of one node over a connection. */
export function redisStores(
  redis: RedisConnection,
  node: string,
  times: object = shortTimes,
): NodeStores & { readonly hints: RedisHintBus } {
  const options = { redis, backend: "file", node, ...times };
  return {
    cache: new RedisCacheStore(options),
    jobs: new RedisJobStore(options),
    outbox: new RedisOutbox(options),
    volumes: new RedisVolumeStore(options),
    hints: new RedisHintBus(options),
  };
}

/** Makes rigs on a test's Redis; what they open is closed after each test. */
export function redisRigs(server: TestRedis): () => Promise<StoreRig> {
  let opened = new AsyncDisposableStack();
  afterEach(async () => {
    await opened[Symbol.asyncDispose]();
    opened = new AsyncDisposableStack();
  });
  return async () => {
    const redis = opened.use(
      connectRedis({
        url: server.url,
        clientName: "ivc:test",
        logger: silentLogger,
      }),
    );
    const n1 = redisStores(redis, "n1");
    const n2 = redisStores(redis, "n2");
    await eventually("both nodes listen", async () => {
      const [, count] = await server.redis.pubsub("NUMSUB", "ivc:{file}:hints");
      return count === 2;
    });
    return { n1, n2, advance: async (ms) => await sleep(ms) };
  };
}
