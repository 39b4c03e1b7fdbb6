import { StoreUnavailableError } from "./errors.ts";
import { pause } from "./jobs/repeater.ts";
import type { Logger } from "./logger.ts";
import { checkRedisServer } from "./redis/check-redis-server.ts";
import type { RedisConnection } from "./redis/connection.ts";

/** Who waits, and until when. */
export interface Waiting {
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Waits for a Redis that can be relied on; one that is set up wrongly ends the start. */
export async function waitForRedis(
  redis: RedisConnection,
  options: Waiting,
): Promise<void> {
  const report = await untilRedis(
    async () => await checkRedisServer(redis),
    options,
  );
  for (const warning of report.warnings) {
    options.logger.warn("redis", { warning });
  }
  const [first] = report.errors;
  if (first !== undefined) {
    throw first;
  }
}

/** Repeats a step of the start until Redis answers. */
export async function untilRedis<T>(
  step: () => Promise<T>,
  { signal, logger }: Waiting,
): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) {
        throw error;
      }
      logger.warn("waiting for Redis", { reason: error.message });
      await pause(1000, signal);
    }
  }
}

/** Whether Redis takes writes now. */
export async function canWrite(redis: RedisConnection): Promise<boolean> {
  try {
    await redis.call(
      async (client) => await client.set("ivc:probe", "1", "EX", 60),
      { deadlineMs: 0 },
    );
    return true;
  } catch {
    return false;
  }
}
