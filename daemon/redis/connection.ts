import { setTimeout as sleep } from "node:timers/promises";
import { Redis, type RedisOptions } from "ioredis";
import { DaemonError, StoreUnavailableError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { storeFailureOf } from "./store-error.ts";

/** Where Redis is and who asks. The password may stand in the URL or, better, beside it. */
export interface RedisConnectionOptions {
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** PEM of the CA for `rediss:`, where it is not a public one. */
  readonly ca?: string | undefined;
  readonly clientName: string;
  readonly logger: Logger;
}

/** A connection that heals itself and never repeats a command on its own. */
export interface RedisConnection extends AsyncDisposable {
  readonly client: Redis;
  readonly isReady: boolean;
  /**
   * Runs `operation` with the library's errors turned into ours; repeats it after a lost connection until `deadlineMs`
   * (3 s) are over. So it has to be idempotent.
   */
  call<T>(
    operation: (client: Redis) => Promise<T>,
    options?: { readonly deadlineMs?: number },
  ): Promise<T>;
  /** Tells of each change of `isReady` until the returned function is called. */
  onChange(listener: (isReady: boolean) => void): () => void;
  /** A second connection with the same settings, for subscriptions; it is closed with this one. */
  subscriber(): Redis;
}

const defaultDeadlineMs = 3_000;
const pingMs = 5_000;

/** Connects in the background: nothing fails here but a malformed URL. */
export function connectRedis(options: RedisConnectionOptions): RedisConnection {
  const settings = redisOptions(options);
  const client = new Redis(settings);
  const listeners = new Set<(isReady: boolean) => void>();
  const subscribers: Redis[] = [];
  const lastReason = watch(client, options.logger, listeners);
  // The socket timeout of the library only runs while a reply is awaited; without traffic a dead peer goes unseen.
  const ping = setInterval(() => {
    for (const each of [client, ...subscribers]) {
      if (each.status === "ready") {
        each.ping().catch(() => {});
      }
    }
  }, pingMs);
  ping.unref();
  return {
    client,
    get isReady() {
      return client.status === "ready";
    },
    call: async (operation, { deadlineMs = defaultDeadlineMs } = {}) =>
      await callWithRetries(
        client,
        operation,
        Date.now() + deadlineMs,
        lastReason,
      ),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    subscriber() {
      const subscriber = new Redis({
        ...settings,
        connectionName: `${options.clientName}-sub`,
      });
      subscriber.on("error", () => {});
      subscribers.push(subscriber);
      return subscriber;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(ping);
      await Promise.all([client, ...subscribers].map(closeClient));
    },
  };
}

function redisOptions(
  options: RedisConnectionOptions,
): RedisOptions & { replyMapping: "legacy" } {
  const url = parseUrl(options.url);
  const password = options.password ?? decodeURIComponent(url.password);
  const username = options.username ?? decodeURIComponent(url.username);
  return {
    host: url.hostname.replace(/^\[|\]$/gu, "") || "127.0.0.1",
    port: url.port === "" ? 6379 : Number(url.port),
    db: url.pathname.length > 1 ? Number(url.pathname.slice(1)) : 0,
    ...(username === "" ? {} : { username }),
    ...(password === "" ? {} : { password }),
    ...(url.protocol === "rediss:"
      ? { tls: options.ca === undefined ? {} : { ca: options.ca } }
      : {}),
    connectionName: options.clientName,
    disableClientInfo: true,
    connectTimeout: 5_000,
    disconnectTimeout: 200,
    // Without resend and queue a command whose reply was lost would never settle: this timeout settles it.
    commandTimeout: 5_000,
    socketTimeout: 15_000,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    replyMapping: "legacy",
    retryStrategy: (times) =>
      Math.min(50 * 2 ** Math.min(times, 8), 5_000) *
      (0.75 + Math.random() / 2),
    // 1 reconnects; 2 would also send the command again.
    reconnectOnError: (error) =>
      /^(?:READONLY|LOADING)/u.test(error.message) ? 1 : false,
  };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  const isDatabase = /^\/?\d*$/u.test(url?.pathname ?? "");
  if (url === null || !/^rediss?:$/u.test(url.protocol) || !isDatabase) {
    // The text itself is not shown: it may hold a password.
    throw new DaemonError(
      "CONFIG_INVALID: redis.url must be redis://host:port/db or rediss://host:port/db",
      { code: "CONFIG_INVALID", retry: "never" },
    );
  }
  return url;
}

/** Logs and tells of what happens to the connection; answers why there is none, or null. */
function watch(
  client: Redis,
  logger: Logger,
  listeners: Set<(isReady: boolean) => void>,
): () => StoreUnavailableError | null {
  let wasReady = false;
  const change = (isReady: boolean) => {
    if (isReady !== wasReady) {
      wasReady = isReady;
      logger[isReady ? "info" : "warn"](
        isReady ? "redis connected" : "redis connection lost",
      );
      for (const listener of listeners) {
        listener(isReady);
      }
    }
  };
  let last: StoreUnavailableError | null = null;
  client.on("ready", () => {
    last = null;
    change(true);
  });
  client.on("close", () => change(false));
  client.on("error", (error: unknown) => {
    const failure = storeFailureOf(error).error;
    if (failure instanceof StoreUnavailableError) {
      if (failure.message !== last?.message) {
        logger.warn("redis unavailable", { reason: failure.message });
      }
      last = failure;
    }
  });
  return () => last;
}

async function callWithRetries<T>(
  client: Redis,
  operation: (client: Redis) => Promise<T>,
  deadlineMs: number,
  lastReason: () => StoreUnavailableError | null,
): Promise<T> {
  for (let pauseMs = 25; ; pauseMs = Math.min(pauseMs * 2, 400)) {
    try {
      return await beforeDeadline(operation(client), deadlineMs);
    } catch (error) {
      const failure = storeFailureOf(error);
      const pause = pauseMs * (0.75 + Math.random() / 2);
      if (!failure.again || Date.now() + pause >= deadlineMs) {
        // oxlint-disable-next-line preserve-caught-error -- the cause would carry the command, and that may be an AUTH
        throw failure.again ? (lastReason() ?? failure.error) : failure.error;
      }
      await sleep(pause);
    }
  }
}

async function beforeDeadline<T>(
  work: Promise<T>,
  deadlineMs: number,
): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new StoreUnavailableError("no answer in time")),
    Math.max(deadlineMs - Date.now(), 1),
  );
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function closeClient(client: Redis): Promise<void> {
  if (client.status === "ready") {
    await client.quit().catch(() => {});
  }
  client.disconnect();
}
