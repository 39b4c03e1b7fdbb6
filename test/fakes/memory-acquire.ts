import type { Acquire, Acquired } from "../../daemon/cache/cache-store.ts";
import type {
  MemoryEntry,
  MemoryJob,
  MemoryState,
  Verdict,
} from "./memory-state.ts";

/** `acquire` in memory; see the port for what it answers. */
export function acquireInMemory(
  state: MemoryState,
  node: string,
  asked: Acquire,
): Acquired {
  const own = state.jobs.get(asked.jobId);
  if (own === undefined || !state.owns(asked.jobId, asked.token)) {
    return { kind: "lost", staleKeys: [] };
  }
  const isFirst = own.job.entryKey !== asked.entryKey;
  const says = isFirst || !standsForAnother(state, asked);
  const staleKeys = isFirst ? moveAlias(state, asked) : [];
  const held = state.entries.get(asked.entryKey);
  if (held !== undefined && mayClone(state, held, asked.jobId)) {
    takeLease(state, held, own, says ? asked.image.imageId : null);
    return { kind: "hit", staleKeys, entry: { ...held.entry } };
  }
  const refusal = refusalOf(state, asked, held);
  if (refusal !== null) {
    return { ...refusal, staleKeys };
  }
  const filling = held ?? openFill(state, node, asked, own);
  if (says) {
    takeAlias(state, filling, asked.image.imageId);
  }
  const { fillId } = filling.entry;
  own.job.entryKey = asked.entryKey;
  own.job.fillId = fillId;
  filling.waiters.set(asked.jobId, state.now() + state.timing.waiterTtlMs);
  const kind = fillId === asked.fillId ? "miss" : "filling";
  return { kind, staleKeys, fillId };
}

function refusalOf(
  state: MemoryState,
  asked: Acquire,
  held: MemoryEntry | undefined,
): Verdict | { readonly kind: "evicting" } | null {
  const verdict = state.verdicts.get(asked.awaitedFillId ?? "");
  if (verdict !== undefined) {
    return verdict;
  }
  if (held !== undefined) {
    return held.entry.state === "evicting" ? { kind: "evicting" } : null;
  }
  const failure = state.failures.get(asked.entryKey);
  return failure !== undefined && failure.untilMs > state.now()
    ? { kind: "failed", fault: failure.fault }
    : null;
}

function mayClone(
  state: MemoryState,
  held: MemoryEntry,
  jobId: string,
): boolean {
  return (
    held.entry.state === "ready" ||
    (held.entry.state === "evicting" &&
      !held.isForced &&
      state.living(held.leases).includes(jobId))
  );
}

function takeLease(
  state: MemoryState,
  held: MemoryEntry,
  own: MemoryJob,
  imageId: string | null,
): void {
  const { entry } = held;
  held.leases.set(own.job.id, state.now() + state.timing.leaseTtlMs);
  held.waiters.delete(own.job.id);
  if (own.usedFill !== entry.fillId) {
    const isOpener = own.job.openedFill && own.job.fillId === entry.fillId;
    entry.hits += isOpener ? 0 : 1;
    entry.usedAtMs = state.now();
    own.usedFill = entry.fillId;
    if (imageId !== null && entry.state === "ready") {
      takeAlias(state, held, imageId);
    }
  }
  own.job.entryKey = entry.key;
}

function takeAlias(
  state: MemoryState,
  held: MemoryEntry,
  imageId: string,
): void {
  state.aliases.set(imageId, held.entry.key);
  held.entry.imageId = imageId;
  held.entry.aliases = [...new Set([...held.entry.aliases, imageId])];
}

function standsForAnother(state: MemoryState, asked: Acquire): boolean {
  const current = state.aliases.get(asked.image.imageId);
  return current !== undefined && current !== asked.entryKey;
}

function moveAlias(state: MemoryState, asked: Acquire): readonly string[] {
  const { imageId } = asked.image;
  const oldKey = state.aliases.get(imageId);
  if (oldKey === undefined || oldKey === asked.entryKey) {
    return [];
  }
  state.aliases.delete(imageId);
  const old = state.entries.get(oldKey);
  if (old === undefined) {
    return [];
  }
  old.entry.aliases = old.entry.aliases.filter((id) => id !== imageId);
  if (old.entry.state !== "ready" || old.entry.aliases.length > 0) {
    return [];
  }
  state.startEviction(old, "stale", state.now());
  state.hint({ kind: "entry", entryKey: oldKey });
  return [oldKey];
}

function openFill(
  state: MemoryState,
  node: string,
  asked: Acquire,
  own: MemoryJob,
): MemoryEntry {
  const { entryKey, content, image, fillId, imageVolumeId, recordChecksum } =
    asked;
  const now = state.now();
  const fill: MemoryEntry = {
    entry: {
      key: entryKey,
      content,
      state: "filling",
      imageVolumeId: null,
      providerId: null,
      sizeGb: 0,
      virtualSizeBytes: null,
      imageId: image.imageId,
      aliases: [],
      createdAtMs: now,
      usedAtMs: now,
      hits: 0,
      fillId,
      evictReason: null,
      checksum: null,
      bytesDownloaded: 0,
      isRestored: false,
    },
    imageVolumeId,
    leases: new Map(),
    waiters: new Map(),
    dueMs: 0,
    isForced: false,
    isStuck: false,
  };
  state.entries.set(entryKey, fill);
  state.jobs.set(fillId, {
    job: {
      id: fillId,
      backend: state.backend,
      request: {
        kind: "fill",
        image,
        content,
        entryKey,
        imageVolumeId,
        recordChecksum,
      },
      access: asked.access,
      node,
      token: state.nextToken(),
      takeovers: 0,
      attempts: [],
      cancelled: false,
      entryKey: null,
      fillId: null,
      isReopened: false,
      isNameTaken: false,
      openedFill: false,
      progress: null,
      createdAtMs: now,
    },
    volumeId: null,
    replies: new Map(),
    dueMs: now + state.timing.claimTtlMs,
    isDone: false,
    usedFill: null,
  });
  own.job.openedFill = true;
  return fill;
}
