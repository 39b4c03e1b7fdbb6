import type { RedisConnection } from "./connection.ts";

const batch = 500;

/** The hashes of many keys, in their order; absent ones are empty. */
export async function readHashes(
  redis: RedisConnection,
  keys: readonly string[],
): Promise<readonly Readonly<Record<string, string>>[]> {
  const hashes: Record<string, string>[] = [];
  for (let start = 0; start < keys.length; start += batch) {
    const part = keys.slice(start, start + batch);
    hashes.push(
      ...(await redis.call(
        async (client) =>
          await Promise.all(part.map(async (key) => await client.hgetall(key))),
      )),
    );
  }
  return hashes;
}
