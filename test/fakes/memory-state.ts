import type {
  CacheEntry,
  CacheUse,
  EvictReason,
} from "../../daemon/cache/cache-entry.ts";
import type { Fault } from "../../daemon/errors.ts";
import type { Hint } from "../../daemon/jobs/hints.ts";
import type { EventMessage, Job, ReplyTarget } from "../../daemon/jobs/job.ts";
import type { OutboxRow } from "../../daemon/jobs/outbox.ts";
import type { VolumeRecord } from "../../daemon/volume.ts";

/** Lifetimes and clock of a store in memory. */
export interface MemoryTiming {
  readonly now: () => number;
  readonly claimTtlMs: number;
  readonly leaseTtlMs: number;
  readonly waiterTtlMs: number;
  readonly outboxGraceMs: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** An entry with what only the index knows of it. */
export interface MemoryEntry {
  readonly entry: Mutable<CacheEntry>;
  /** Known from the start, while the entry shows it only when it is filled. */
  readonly imageVolumeId: string;
  readonly leases: Map<string, number>;
  readonly waiters: Map<string, number>;
  dueMs: number;
  isForced: boolean;
  isStuck: boolean;
}

/** A job with what only the journal knows of it. */
export interface MemoryJob {
  readonly job: Mutable<Job>;
  readonly volumeId: string | null;
  readonly replies: Map<string, ReplyTarget>;
  dueMs: number;
  isDone: boolean;
  /** Given up by its owner: the next claim is no takeover. */
  isReleased?: boolean;
  usedFill: string | null;
}

/** How a fill without a result ended. */
export type Verdict =
  | { readonly kind: "failed"; readonly fault: Fault }
  | { readonly kind: "bypass"; readonly reason: string };

type NewRow = OutboxRow extends infer R
  ? R extends OutboxRow
    ? Omit<R, "id">
    : never
  : never;

/** All data of one backend, as its daemons share them, in plain maps. */
export class MemoryState {
  readonly backend: string;
  readonly timing: MemoryTiming;
  readonly entries = new Map<string, MemoryEntry>();
  readonly aliases = new Map<string, string>();
  readonly bypasses = new Map<string, Map<string, number>>();
  readonly verdicts = new Map<string, Verdict>();
  readonly failures = new Map<string, { fault: Fault; untilMs: number }>();
  readonly reserved = new Map<string, number>();
  readonly jobs = new Map<string, MemoryJob>();
  readonly volumes = new Map<
    string,
    { record: Mutable<VolumeRecord>; uniqueId: string }
  >();
  readonly outbox = new Map<string, { row: OutboxRow; dueMs: number }>();
  readonly listeners = new Set<(hint: Hint) => void>();
  #fence = 0;
  #sequence = 0;

  constructor(backend: string, timing: MemoryTiming) {
    this.backend = backend;
    this.timing = timing;
  }

  now(): number {
    return this.timing.now();
  }

  nextToken(): number {
    this.#fence += 1;
    return this.#fence;
  }

  living(members: ReadonlyMap<string, number>): readonly string[] {
    const now = this.now();
    return [...members].filter(([, until]) => until > now).map(([id]) => id);
  }

  owns(jobId: string, token: number): boolean {
    const held = this.jobs.get(jobId);
    return held !== undefined && !held.isDone && held.job.token === token;
  }

  hint(hint: Hint): void {
    queueMicrotask(() => {
      for (const listener of this.listeners) {
        listener(hint);
      }
    });
  }

  write(rows: readonly NewRow[]): readonly OutboxRow[] {
    return rows.map((fresh) => {
      this.#sequence += 1;
      const id = String(this.#sequence).padStart(16, "0");
      const row = { ...fresh, id } as OutboxRow;
      const dueMs = this.now() + this.timing.outboxGraceMs;
      this.outbox.set(id, { row, dueMs });
      return row;
    });
  }

  writeEvents(events: readonly EventMessage[]): readonly OutboxRow[] {
    return this.write(
      events.map((event) => ({ kind: "event", event }) as const),
    );
  }

  startEviction(held: MemoryEntry, reason: EvictReason, dueMs: number): void {
    held.entry.state = "evicting";
    held.entry.evictReason = reason;
    held.dueMs = dueMs;
  }

  dropEntry(key: string): void {
    this.entries.delete(key);
    for (const [imageId, owner] of this.aliases) {
      if (owner === key) {
        this.aliases.delete(imageId);
      }
    }
  }

  use(): CacheUse {
    const counted = [...this.entries.values()].filter(
      ({ entry }) => entry.state !== "filling",
    );
    const sum = (sizes: readonly number[]) => sizes.reduce((a, b) => a + b, 0);
    return {
      entriesGb: sum(counted.map(({ entry }) => entry.sizeGb)),
      entriesCount: counted.length,
      reservedGb: sum([...this.reserved.values()]),
      reservedCount: this.reserved.size,
    };
  }

  /** What is on its way out and was not refused by the backend. */
  leaving(): { readonly gb: number; readonly count: number } {
    const going = [...this.entries.values()].filter(
      ({ entry, isStuck }) => entry.state === "evicting" && !isStuck,
    );
    return {
      gb: going.reduce((total, { entry }) => total + entry.sizeGb, 0),
      count: going.length,
    };
  }
}
