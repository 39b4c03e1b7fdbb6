import { luaCommand } from "./lua-command.ts";
import type { StoreScope } from "./store-scope.ts";

const batch = 500;
const maxRounds = 40;

const forgetJobs = luaCommand("trim-done", {
  shared: ["now"],
  keys: (jobIds: readonly string[], { keys }) => [
    keys.jobsDone,
    ...jobIds.map((id) => keys.job(id)),
  ],
  args: (jobIds, scope) => [scope.doneTtlMs, ...jobIds],
  reply: ([count]) => Number(count),
});

/** Forgets the oldest finished jobs above `maxDoneJobs`. */
export async function trimDoneJobs(scope: StoreScope): Promise<void> {
  const { redis, keys, maxDoneJobs } = scope;
  for (let round = 0; round < maxRounds; round += 1) {
    const excess =
      (await redis.call(async (client) => await client.zcard(keys.jobsDone))) -
      maxDoneJobs;
    if (excess <= 0) {
      return;
    }
    const last = Math.min(excess, batch) - 1;
    const oldest = await redis.call(
      async (client) => await client.zrange(keys.jobsDone, 0, String(last)),
    );
    await forgetJobs(scope, oldest);
  }
}
