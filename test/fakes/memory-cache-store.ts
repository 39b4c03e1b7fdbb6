import type {
  CacheEntry,
  CacheUse,
  EvictReason,
} from "../../daemon/cache/cache-entry.ts";
import type {
  AbandonFill,
  Acquire,
  Acquired,
  CacheStore,
  Commit,
  Evicting,
  Reserve,
  Reserved,
} from "../../daemon/cache/cache-store.ts";
import type { EventMessage } from "../../daemon/jobs/job.ts";
import type { OutboxRow } from "../../daemon/jobs/outbox.ts";
import { acquireInMemory } from "./memory-acquire.ts";
import { reserveInMemory } from "./memory-reserve.ts";
import type { MemoryEntry, MemoryState } from "./memory-state.ts";

/** A cache index in memory. */
export class MemoryCacheStore implements CacheStore {
  readonly #state: MemoryState;
  readonly #node: string;

  constructor(state: MemoryState, node: string) {
    this.#state = state;
    this.#node = node;
  }

  async acquire(acquire: Acquire): Promise<Acquired> {
    return acquireInMemory(this.#state, this.#node, acquire);
  }

  async releaseLease(
    entryKey: string,
    jobId: string,
    token: number,
  ): Promise<void> {
    if (!this.#state.owns(jobId, token)) {
      return;
    }
    const held = this.#state.entries.get(entryKey);
    const hadLease = held?.leases.delete(jobId) ?? false;
    const waited = held?.waiters.delete(jobId) ?? false;
    if (hadLease || waited) {
      this.#state.hint({ kind: "entry", entryKey });
    }
  }

  async reserve(reserve: Reserve): Promise<Reserved> {
    return reserveInMemory(this.#state, reserve);
  }

  async commit(
    commit: Commit,
  ): Promise<
    | { readonly kind: "committed"; readonly rows: readonly OutboxRow[] }
    | { readonly kind: "lost" }
  > {
    const state = this.#state;
    const held = state.entries.get(commit.entryKey);
    const fill = state.jobs.get(commit.fillId);
    if (
      held?.entry.fillId !== commit.fillId ||
      fill?.job.token !== commit.token
    ) {
      return { kind: "lost" };
    }
    if (fill.isDone) {
      return held.entry.state === "filling"
        ? { kind: "lost" }
        : { kind: "committed", rows: [] };
    }
    if ((state.reserved.get(commit.fillId) ?? -1) < commit.sizeGb) {
      throw new Error("a fill committed more than it had reserved");
    }
    const rows = this.#makeReady(held, commit);
    fill.isDone = true;
    state.hint({ kind: "entry", entryKey: commit.entryKey });
    return { kind: "committed", rows };
  }

  async abandonFill({
    entryKey,
    fillId,
    token,
    end,
    events,
  }: AbandonFill): Promise<
    | { readonly kind: "abandoned"; readonly rows: readonly OutboxRow[] }
    | { readonly kind: "lost" }
  > {
    const state = this.#state;
    const fill = state.jobs.get(fillId);
    if (fill?.job.token !== token) {
      return { kind: "lost" };
    }
    if (fill.isDone) {
      return state.verdicts.has(fillId)
        ? { kind: "abandoned", rows: [] }
        : { kind: "lost" };
    }
    const held = state.entries.get(entryKey);
    if (held?.entry.fillId === fillId && held.entry.state === "filling") {
      state.dropEntry(entryKey);
      if (end.kind === "failed" && end.rememberMs > 0) {
        const untilMs = state.now() + end.rememberMs;
        state.failures.set(entryKey, { fault: end.fault, untilMs });
      }
    }
    state.reserved.delete(fillId);
    state.verdicts.set(
      fillId,
      end.kind === "failed" ? { kind: "failed", fault: end.fault } : end,
    );
    fill.isDone = true;
    state.hint({ kind: "entry", entryKey });
    return { kind: "abandoned", rows: state.writeEvents(events) };
  }

  async waiterCount(entryKey: string): Promise<number> {
    const waiters = this.#state.entries.get(entryKey)?.waiters ?? new Map();
    return this.#state.living(waiters).length;
  }

  async markEvicting(
    entryKey: string,
    reason: EvictReason,
    ignoreLeases: boolean,
    fillId: string | null,
  ): Promise<Evicting> {
    const held = this.#state.entries.get(entryKey);
    if (
      held === undefined ||
      (fillId !== null && held.entry.fillId !== fillId)
    ) {
      return { kind: "absent" };
    }
    if (held.entry.state === "filling") {
      return { kind: "filling" };
    }
    held.isForced ||= ignoreLeases;
    const leases = this.#state.living(held.leases).length;
    if (leases > 0 && !held.isForced) {
      return { kind: "busy", leases };
    }
    if (held.entry.state === "ready") {
      this.#state.startEviction(held, reason, this.#state.now());
      this.#state.hint({ kind: "entry", entryKey });
    }
    return { kind: "evicting", entry: { ...held.entry } };
  }

  async claimEvictions(
    limit: number,
    retryMs: number,
  ): Promise<readonly CacheEntry[]> {
    const now = this.#state.now();
    const due = [...this.#state.entries.values()]
      .filter(({ entry, dueMs }) => entry.state === "evicting" && dueMs <= now)
      .toSorted((a, b) => a.dueMs - b.dueMs)
      .slice(0, limit);
    const free = due.filter(
      ({ leases, isForced }) =>
        isForced || this.#state.living(leases).length === 0,
    );
    for (const held of free) {
      held.isStuck = false;
      held.dueMs = now + retryMs;
    }
    return free.map(({ entry }) => ({ ...entry }));
  }

  async evictionDone(
    entryKey: string,
    providerId: string,
    events: readonly EventMessage[],
  ): Promise<readonly OutboxRow[]> {
    const held = this.#state.entries.get(entryKey);
    if (
      held?.entry.state !== "evicting" ||
      held.entry.providerId !== providerId
    ) {
      return [];
    }
    this.#state.dropEntry(entryKey);
    this.#state.volumes.delete(held.imageVolumeId);
    this.#state.hint({ kind: "entry", entryKey });
    return this.#state.writeEvents(events);
  }

  async evictionFailed(entryKey: string, retryMs: number): Promise<void> {
    const held = this.#state.entries.get(entryKey);
    if (held?.entry.state === "evicting") {
      held.isStuck = true;
      held.dueMs = this.#state.now() + retryMs;
    }
  }

  async enterBypass(
    entryKey: string,
    jobId: string,
    maxParallel: number,
    ttlMs: number,
  ): Promise<"go" | "wait" | "ready"> {
    const all = this.#state.bypasses.get(entryKey) ?? new Map<string, number>();
    const places = new Map(
      this.#state.living(all).map((id) => [id, all.get(id) ?? 0]),
    );
    this.#state.bypasses.set(entryKey, places);
    if (!places.has(jobId)) {
      if (this.#state.entries.get(entryKey)?.entry.state === "ready") {
        return "ready";
      }
      if (places.size >= maxParallel) {
        return "wait";
      }
    }
    places.set(jobId, this.#state.now() + ttlMs);
    return "go";
  }

  async leaveBypass(entryKey: string, jobId: string): Promise<void> {
    if (this.#state.bypasses.get(entryKey)?.delete(jobId) === true) {
      this.#state.hint({ kind: "entry", entryKey });
    }
  }

  async get(entryKey: string): Promise<CacheEntry | null> {
    const held = this.#state.entries.get(entryKey);
    return held === undefined ? null : { ...held.entry };
  }

  async findByImageId(imageId: string): Promise<CacheEntry | null> {
    const entryKey = this.#state.aliases.get(imageId);
    return entryKey === undefined ? null : await this.get(entryKey);
  }

  async leaseCount(entryKey: string): Promise<number> {
    const leases = this.#state.entries.get(entryKey)?.leases ?? new Map();
    return this.#state.living(leases).length;
  }

  async list(): Promise<readonly CacheEntry[]> {
    const entries = [...this.#state.entries.values()].map(({ entry }) => ({
      ...entry,
    }));
    return [
      ...entries
        .filter(({ state }) => state === "ready")
        .toSorted((a, b) => b.usedAtMs - a.usedAtMs),
      ...entries.filter(({ state }) => state === "filling"),
      ...entries.filter(({ state }) => state === "evicting"),
    ];
  }

  async use(): Promise<CacheUse> {
    return this.#state.use();
  }

  async oldestUseMs(): Promise<number | null> {
    const uses = [...this.#state.entries.values()]
      .filter(({ entry }) => entry.state === "ready")
      .map(({ entry }) => entry.usedAtMs);
    return uses.length === 0 ? null : Math.min(...uses);
  }

  #makeReady(held: MemoryEntry, commit: Commit): readonly OutboxRow[] {
    const state = this.#state;
    const { entry } = held;
    const now = state.now();
    state.reserved.delete(commit.fillId);
    entry.state = "ready";
    entry.imageVolumeId = held.imageVolumeId;
    entry.providerId = commit.providerId;
    entry.virtualSizeBytes = commit.virtualSizeBytes;
    entry.sizeGb = commit.sizeGb;
    entry.checksum = commit.checksum;
    entry.bytesDownloaded = commit.bytesDownloaded;
    entry.isRestored = commit.isRestored;
    entry.usedAtMs = now;
    for (const waiter of state.living(held.waiters)) {
      held.leases.set(waiter, now + state.timing.leaseTtlMs);
    }
    held.waiters.clear();
    if (entry.aliases.length === 0) {
      state.startEviction(held, "stale", now);
    }
    state.volumes.set(held.imageVolumeId, {
      uniqueId: "",
      record: {
        volumeId: held.imageVolumeId,
        role: "image-volume",
        status: "available",
        projectId: commit.internalProjectId,
        userId: commit.internalUserId,
        name: `image-${entry.imageId}`,
        metadata: {},
        backend: state.backend,
        host: commit.host,
        sizeGb: commit.sizeGb,
        imageId: entry.imageId,
        content: entry.content,
        providerId: commit.providerId,
        path: null,
        reason: null,
        timingsMs: {},
        fault: null,
        createdAtMs: now,
        updatedAtMs: now,
        digest: "",
        jobId: commit.fillId,
      },
    });
    return state.writeEvents(commit.events);
  }
}
