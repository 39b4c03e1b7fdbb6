import type { VolumeBackend } from "../backends/volume-backend.ts";
import { CancelledError } from "../errors.ts";
import type { EventFactory } from "../jobs/events.ts";
import type { OutboxSender } from "../jobs/outbox-sender.ts";
import { Repeater } from "../jobs/repeater.ts";
import type { Logger } from "../logger.ts";
import { type CacheEntry, type EvictReason, isForRoom } from "./cache-entry.ts";
import type { CacheStore, Evicting } from "./cache-store.ts";

/** Options of {@link Evictor}. */
export interface EvictorOptions {
  readonly store: CacheStore;
  readonly backend: VolumeBackend;
  readonly events: EventFactory;
  readonly outbox: OutboxSender;
  readonly sweepMs: number;
  readonly onEvicted: (reason: EvictReason) => void;
  readonly logger: Logger;
}

const claimBatch = 20;
const retryMs = 30_000;

/**
 * Deletes the image-volumes of entries that are marked `evicting`, and counts and tells of it only once the backend
 * confirmed. What the backend refuses stays marked and is tried again.
 */
export class Evictor implements AsyncDisposable {
  readonly #options: EvictorOptions;
  readonly #sweep: Repeater;
  readonly #stop = new AbortController();

  constructor(options: EvictorOptions) {
    this.#options = options;
    this.#sweep = new Repeater(
      "evictions",
      options.sweepMs,
      async () => {
        await this.sweep();
      },
      options.logger,
    );
  }

  start(): void {
    this.#sweep.start();
  }

  /** Brings the next look at marked entries forward. */
  soon(): void {
    this.#sweep.soon();
  }

  /** Marks an entry and, where that was possible, deletes it. The eviction is confirmed when this returns `evicting`. */
  async evict(
    entryKey: string,
    reason: EvictReason,
    ignoreLeases: boolean,
    fillId: string | null = null,
  ): Promise<Evicting> {
    const marked = await this.#options.store.markEvicting(
      entryKey,
      reason,
      ignoreLeases,
      fillId,
    );
    if (marked.kind === "evicting") {
      await this.delete(marked.entry);
    }
    return marked;
  }

  /** Deletes a marked entry's image-volume and confirms. Throws what the backend threw, after noting it. */
  async delete(entry: CacheEntry): Promise<void> {
    const { store, backend, events, outbox, logger } = this.#options;
    const providerId = entry.providerId ?? "";
    try {
      await backend.deleteVolume(providerId, {
        signal: this.#stop.signal,
        isRestorable: isForRoom(entry.evictReason),
      });
    } catch (error) {
      if (this.#stop.signal.aborted) {
        throw error; // Nobody's failure: the entry stays marked, and due.
      }
      logger.error(
        "image-volume not deleted: it stays counted and is tried again",
        {
          backend: backend.name,
          providerId,
          content: entry.content,
          error,
        },
      );
      await store.evictionFailed(entry.key, retryMs);
      throw error;
    }
    const rows = await store.evictionDone(entry.key, providerId, [
      events.evict(entry),
    ]);
    if (rows.length === 0) {
      return; // Another daemon has confirmed it.
    }
    outbox.send(rows);
    this.#options.onEvicted(entry.evictReason ?? "lru");
    logger.info("evicted", {
      backend: backend.name,
      imageId: entry.imageId,
      content: entry.content,
      sizeGb: entry.sizeGb,
      reason: entry.evictReason,
    });
  }

  /** Deletes what is marked and due: stale entries after their leases, refused ones, those of a daemon that died. */
  async sweep(): Promise<void> {
    let entries: readonly CacheEntry[];
    do {
      entries = await this.#options.store.claimEvictions(claimBatch, retryMs);
      for (const entry of entries) {
        if (this.#stop.signal.aborted) {
          return;
        }
        // A refusal is logged by `delete`; the others still have their turn.
        await this.delete(entry).catch(() => {});
      }
    } while (entries.length === claimBatch);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new CancelledError("the daemon stops"));
    await this.#sweep.stop();
  }
}
