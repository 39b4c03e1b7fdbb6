import type {
  AbandonFill,
  Commit,
  Reserve,
  Reserved,
} from "../cache/cache-store.ts";
import { DaemonError } from "../errors.ts";
import type { OutboxRow } from "../jobs/outbox.ts";
import { unexpectedReply } from "./acquire-entry.ts";
import { entryOf } from "./entry-fields.ts";
import { fieldsOf, luaCommand, type LuaReply } from "./lua-command.ts";
import { eventTexts, outboxRowsOf } from "./outbox-rows.ts";
import { volumeFields } from "./volume-fields.ts";

/** How a fill ended for those who waited is told for this long. */
const verdictMs = 600_000;

/** Holds room for a fill, or marks what has to go first. */
export const reserveRoom = luaCommand("reserve", {
  shared: ["now", "job", "entry"],
  keys: (p: Reserve & { candidates: readonly string[] }, { keys }) => [
    keys.entry(p.entryKey),
    keys.job(p.fillId),
    keys.use,
    keys.reserved,
    keys.recency,
    keys.evicting,
    ...p.candidates.flatMap((key) => [keys.entry(key), keys.leases(key)]),
  ],
  args: (p, scope) => [
    p.fillId,
    p.token,
    p.sizeGb,
    p.limits.maxSizeGb,
    p.limits.maxCount,
    scope.claimTtlMs,
    ...p.candidates,
  ],
  reply: reservedOf,
});

function reservedOf([word, ...rest]: LuaReply): Reserved {
  const kind = String(word);
  switch (kind) {
    case "reserved":
    case "evictions-pending":
    case "no-room-now":
    case "never-fits":
    case "lost":
      return { kind };
    case "evict-first": {
      const victims = rest.flatMap((key, i) => {
        const isKey = i % 2 === 0;
        const entry = isKey
          ? entryOf(String(key), fieldsOf(rest[i + 1]))
          : null;
        return entry === null ? [] : [entry];
      });
      return { kind, victims };
    }
  }
  throw unexpectedReply("reserve", kind);
}

/** Makes a filled entry ready; null when the claim was lost. */
export const commitFill = luaCommand("commit", {
  shared: ["now", "job", "entry", "outbox"],
  keys: (p: Commit & ImageVolumeFacts, { keys }) => [
    keys.entry(p.entryKey),
    keys.job(p.fillId),
    keys.leases(p.entryKey),
    keys.waiters(p.entryKey),
    keys.recency,
    keys.filling,
    keys.evicting,
    keys.use,
    keys.reserved,
    keys.jobsOpen,
    keys.jobsDone,
    keys.volume(p.imageVolumeId),
    keys.volumesAll,
    keys.volumesOf(p.internalProjectId),
    keys.outbox,
    keys.outboxDue,
    keys.outboxSequence,
  ],
  args: (p: Commit & ImageVolumeFacts, scope) => [
    p.fillId,
    p.token,
    p.entryKey,
    p.imageVolumeId,
    p.providerId,
    p.virtualSizeBytes,
    p.sizeGb,
    p.checksum ?? "",
    p.bytesDownloaded,
    p.isRestored ? "1" : "",
    scope.leaseTtlMs,
    scope.doneTtlMs,
    scope.outboxGraceMs,
    scope.keys.hints,
    p.events.length,
    ...eventTexts(p.events),
    ...imageVolumeFields(p, scope.backend),
  ],
  reply: ([kind, ...rows]): readonly OutboxRow[] | null => {
    if (kind === "unreserved") {
      throw new DaemonError(
        "CACHE_UNRESERVED: a fill committed more than it had reserved",
        { code: "CACHE_UNRESERVED", retry: "never" },
      );
    }
    return kind === "committed" ? outboxRowsOf(rows) : null;
  },
});

interface ImageVolumeFacts {
  readonly imageVolumeId: string;
  readonly imageId: string;
  readonly content: string;
}

function imageVolumeFields(
  p: Commit & ImageVolumeFacts,
  backend: string,
): readonly string[] {
  return volumeFields({
    volumeId: p.imageVolumeId,
    role: "image-volume",
    status: "available",
    projectId: p.internalProjectId,
    userId: p.internalUserId,
    name: `image-${p.imageId}`,
    metadata: {},
    backend,
    host: p.host,
    sizeGb: p.sizeGb,
    imageId: p.imageId,
    content: p.content,
    providerId: p.providerId,
    path: null,
    reason: null,
    timingsMs: {},
    fault: null,
    digest: "",
    jobId: p.fillId,
  });
}

/** Ends a fill without an image-volume; null when the claim was lost. */
export const abandonEntry = luaCommand("abandon", {
  shared: ["now", "entry", "job", "outbox"],
  keys: (p: AbandonFill & { aliases: readonly string[] }, { keys }) => [
    keys.entry(p.entryKey),
    keys.job(p.fillId),
    keys.waiters(p.entryKey),
    keys.filling,
    keys.use,
    keys.reserved,
    keys.jobsOpen,
    keys.jobsDone,
    keys.verdict(p.fillId),
    keys.failed(p.entryKey),
    keys.outbox,
    keys.outboxDue,
    keys.outboxSequence,
    ...p.aliases.map((imageId) => keys.alias(imageId)),
  ],
  args: (p, scope) => {
    const fault = p.end.kind === "failed" ? JSON.stringify(p.end.fault) : "";
    const rememberMs = p.end.kind === "failed" ? p.end.rememberMs : 0;
    return [
      p.fillId,
      p.token,
      p.entryKey,
      `${p.end.kind} ${p.end.kind === "failed" ? fault : p.end.reason}`,
      fault,
      Math.max(verdictMs, rememberMs),
      Math.ceil(rememberMs),
      scope.doneTtlMs,
      scope.outboxGraceMs,
      scope.keys.hints,
      ...eventTexts(p.events),
    ];
  },
  reply: ([kind, ...rows]) =>
    kind === "abandoned" ? outboxRowsOf(rows) : null,
});
