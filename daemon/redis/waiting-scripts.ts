import { luaCommand } from "./lua-command.ts";

/** Gives up a lease and a place among the waiters. */
export const releaseEntryLease = luaCommand("release-lease", {
  shared: ["job"],
  keys: (p: { entryKey: string; jobId: string; token: number }, { keys }) => [
    keys.leases(p.entryKey),
    keys.waiters(p.entryKey),
    keys.job(p.jobId),
  ],
  args: (p, { keys }) => [p.jobId, p.entryKey, keys.hints, p.token],
  reply: ([kind]) => kind === "released",
});

interface BypassPlace {
  readonly entryKey: string;
  readonly jobId: string;
  readonly maxParallel: number;
  readonly ttlMs: number;
}

/** Takes one of the few places for copies that bypass the cache. */
export const takeBypassPlace = luaCommand("enter-bypass", {
  shared: ["now"],
  keys: (p: BypassPlace, { keys }) => [
    keys.entry(p.entryKey),
    keys.bypass(p.entryKey),
  ],
  args: (p) => [p.jobId, p.maxParallel, p.ttlMs],
  reply: ([kind]) => (kind === "ready" || kind === "go" ? kind : "wait"),
});

/** Gives a bypass place back. */
export const freeBypassPlace = luaCommand("leave-bypass", {
  keys: (p: { entryKey: string; jobId: string }, { keys }) => [
    keys.bypass(p.entryKey),
  ],
  args: (p, { keys }) => [p.jobId, p.entryKey, keys.hints],
  reply: ([kind]) => kind === "left",
});

/** Counts the members of a sorted set that have not expired. */
export const countLiving = luaCommand("count-living", {
  shared: ["now"],
  keys: (p: { key: string }) => [p.key],
  args: () => [],
  reply: ([count]) => Number(count),
});

/** Lists the members of a sorted set that are due. */
export const dueMembers = luaCommand("due", {
  shared: ["now"],
  keys: (p: { key: string; limit: number }) => [p.key],
  args: (p) => [p.limit],
  reply: (members) => members.map(String),
});
