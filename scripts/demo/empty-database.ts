import { Redis } from "ioredis";

const highest = 15;

/** A numbered database of somebody's Redis that was empty and will be again. */
export interface EmptyDatabase extends AsyncDisposable {
  readonly url: string;
}

/** Finds an empty database, from the last one down; what is written there is removed in the end. */
export async function emptyDatabase(serverUrl: string): Promise<EmptyDatabase> {
  for (let index = highest; index >= 0; index--) {
    const url = new URL(serverUrl);
    url.pathname = `/${index}`;
    if ((await inDatabase(url, async (redis) => await redis.dbsize())) === 0) {
      return {
        url: url.href,
        [Symbol.asyncDispose]: async () => {
          await inDatabase(url, async (redis) => await redis.flushdb());
        },
      };
    }
  }
  throw new Error(
    `the Redis of IVC_TEST_REDIS_URL has no empty database among 0 to ${highest}; unset the variable`,
  );
}

async function inDatabase<T>(
  url: URL,
  work: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = new Redis(url.href, { maxRetriesPerRequest: 1 });
  redis.on("error", () => {}); // The command rejects as well.
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}
