import { afterAll, beforeAll, beforeEach } from "@jest/globals";
import { Redis } from "ioredis";
import { startRedis } from "../../scripts/servers/redis-server.ts";
import type {
  RedisOptions,
  RedisServer,
} from "../../scripts/servers/redis-server.ts";

/** A Redis of the test file's own. */
export interface TestRedis {
  /** A client to look and to prepare with; readable inside hooks and tests. */
  readonly redis: Redis;
  readonly url: string;
  readonly server: RedisServer;
}

/** One database for each jest worker on a Redis that several files share. */
function databaseUrl({ isPrivate, url }: RedisServer): string {
  const worker = process.env["JEST_WORKER_ID"] ?? "0";
  return isPrivate || new URL(url).pathname.length > 1
    ? url
    : new URL(`/${worker}`, url).href;
}

/** Starts a Redis before the file's first test, empties it before each, and ends it after the last. */
export function useRedis(options: RedisOptions = {}): TestRedis {
  let open: TestRedis | null = null;
  const opened = () => {
    if (open === null) {
      throw new Error("useRedis() is ready inside hooks and tests only");
    }
    return open;
  };
  beforeAll(async () => {
    const server = await startRedis(options);
    const url = databaseUrl(server);
    open = { server, url, redis: new Redis(url) };
  });
  beforeEach(async () => {
    await opened().redis.flushdb();
  });
  afterAll(async () => {
    open?.redis.disconnect();
    await open?.server[Symbol.asyncDispose]();
  });
  return {
    get redis() {
      return opened().redis;
    },
    get url() {
      return opened().url;
    },
    get server() {
      return opened().server;
    },
  };
}
