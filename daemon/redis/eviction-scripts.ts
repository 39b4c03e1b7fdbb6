import type { CacheEntry, EvictReason } from "../cache/cache-entry.ts";
import type { Evicting } from "../cache/cache-store.ts";
import type { EventMessage } from "../jobs/job.ts";
import { unexpectedReply } from "./acquire-entry.ts";
import { entryOf } from "./entry-fields.ts";
import { fieldsOf, luaCommand } from "./lua-command.ts";
import { eventTexts, outboxRowsOf } from "./outbox-rows.ts";

/** How soon a leased entry on its way out is looked at again. */
const leasedLookMs = 1_000;

/** Takes a ready entry out of service. */
export const markEntryEvicting = luaCommand("mark-evicting", {
  shared: ["now", "entry"],
  keys: (
    p: {
      entryKey: string;
      reason: EvictReason;
      ignoreLeases: boolean;
      fillId: string | null;
    },
    { keys },
  ) => [
    keys.entry(p.entryKey),
    keys.leases(p.entryKey),
    keys.recency,
    keys.evicting,
    keys.use,
  ],
  args: (p, { keys }) => [
    p.entryKey,
    p.reason,
    p.ignoreLeases ? 1 : 0,
    keys.hints,
    p.fillId ?? "",
  ],
  reply: ([word, what], { entryKey }): Evicting => {
    const kind = String(word);
    switch (kind) {
      case "absent":
      case "filling":
        return { kind };
      case "busy":
        return { kind, leases: Number(what) };
      case "evicting": {
        const entry = entryOf(entryKey, fieldsOf(what));
        if (entry !== null) {
          return { kind, entry };
        }
      }
    }
    throw unexpectedReply("mark-evicting", kind);
  },
});

/** Hands out an evicting entry that is due and not leased; else null. */
export const claimEviction = luaCommand("claim-eviction", {
  shared: ["now", "entry"],
  keys: (p: { entryKey: string; retryMs: number }, { keys }) => [
    keys.entry(p.entryKey),
    keys.leases(p.entryKey),
    keys.evicting,
    keys.use,
  ],
  args: (p) => [p.entryKey, p.retryMs, Math.min(p.retryMs, leasedLookMs)],
  reply: ([kind, fields], { entryKey }): CacheEntry | null =>
    kind === "claimed" ? entryOf(entryKey, fieldsOf(fields)) : null,
});

interface EvictionDone {
  readonly entryKey: string;
  readonly providerId: string;
  readonly imageVolumeId: string;
  readonly projectId: string | null;
  readonly aliases: readonly string[];
  readonly events: readonly EventMessage[];
}

/** Forgets an entry whose image-volume the backend deleted. */
export const forgetEntry = luaCommand("eviction-done", {
  shared: ["now", "entry", "outbox"],
  keys: (p: EvictionDone, { keys }) => [
    keys.entry(p.entryKey),
    keys.leases(p.entryKey),
    keys.waiters(p.entryKey),
    keys.evicting,
    keys.use,
    keys.volume(p.imageVolumeId),
    keys.volumesAll,
    keys.volumesOf(p.projectId),
    keys.outbox,
    keys.outboxDue,
    keys.outboxSequence,
    ...p.aliases.map((imageId) => keys.alias(imageId)),
  ],
  args: (p, scope) => [
    p.entryKey,
    p.providerId,
    p.imageVolumeId,
    scope.outboxGraceMs,
    scope.keys.hints,
    ...eventTexts(p.events),
  ],
  reply: ([, ...rows]) => outboxRowsOf(rows),
});

/** Puts an eviction off. */
export const deferEviction = luaCommand("eviction-failed", {
  shared: ["now", "entry"],
  keys: (p: { entryKey: string; retryMs: number }, { keys }) => [
    keys.entry(p.entryKey),
    keys.evicting,
    keys.use,
  ],
  args: (p) => [p.entryKey, p.retryMs],
  reply: ([kind]) => kind === "later",
});
