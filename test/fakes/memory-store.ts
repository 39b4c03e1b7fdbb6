import type { Hint, HintBus } from "../../daemon/jobs/hints.ts";
import type { EventMessage } from "../../daemon/jobs/job.ts";
import type { Outbox, OutboxRow } from "../../daemon/jobs/outbox.ts";
import type {
  VolumeFilter,
  VolumeStore,
} from "../../daemon/jobs/volume-store.ts";
import type { VolumeRecord } from "../../daemon/volume.ts";
import { MemoryCacheStore } from "./memory-cache-store.ts";
import { MemoryJobStore } from "./memory-job-store.ts";
import { MemoryState, type MemoryTiming } from "./memory-state.ts";

/** The data of one backend in memory; `forNode` gives what a daemon of that name would use. */
export class MemoryStore {
  readonly state: MemoryState;

  constructor(options: { backend?: string } & Partial<MemoryTiming> = {}) {
    const { backend = "file", ...timing } = options;
    this.state = new MemoryState(backend, {
      now: Date.now,
      claimTtlMs: 30_000,
      leaseTtlMs: 90_000,
      waiterTtlMs: 90_000,
      outboxGraceMs: 15_000,
      ...timing,
    });
  }

  forNode(node: string): {
    readonly cache: MemoryCacheStore;
    readonly jobs: MemoryJobStore;
    readonly outbox: MemoryOutbox;
    readonly volumes: MemoryVolumeStore;
    readonly hints: MemoryHintBus;
  } {
    return {
      cache: new MemoryCacheStore(this.state, node),
      jobs: new MemoryJobStore(this.state, node),
      outbox: new MemoryOutbox(this.state),
      volumes: new MemoryVolumeStore(this.state),
      hints: new MemoryHintBus(this.state),
    };
  }
}

class MemoryOutbox implements Outbox {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  async append(events: readonly EventMessage[]): Promise<readonly OutboxRow[]> {
    return this.#state.writeEvents(events);
  }

  async claimDue(limit: number): Promise<readonly OutboxRow[]> {
    const now = this.#state.now();
    const due = [...this.#state.outbox.values()]
      .filter(({ dueMs }) => dueMs <= now)
      .slice(0, limit);
    for (const kept of due) {
      kept.dueMs = now + this.#state.timing.outboxGraceMs;
    }
    return due.map(({ row }) => row);
  }

  async remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      this.#state.outbox.delete(id);
    }
  }

  async depth(): Promise<number> {
    return this.#state.outbox.size;
  }
}

class MemoryVolumeStore implements VolumeStore {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  async get(volumeId: string): Promise<VolumeRecord | null> {
    const kept = this.#state.volumes.get(volumeId);
    return kept === undefined ? null : { ...kept.record };
  }

  async list(filter: VolumeFilter): Promise<readonly VolumeRecord[]> {
    const { marker, projectId, allProjects, status, imageId, limit } = filter;
    return [...this.#state.volumes.values()]
      .map(({ record }) => ({ ...record }))
      .filter(
        (volume) =>
          volume.status !== "deleted" &&
          (allProjects || volume.projectId === projectId) &&
          (status === null || volume.status === status) &&
          (imageId === null || volume.imageId === imageId) &&
          (marker === null || volume.volumeId > marker),
      )
      .toSorted((a, b) => (a.volumeId < b.volumeId ? -1 : 1))
      .slice(0, limit);
  }
}

class MemoryHintBus implements HintBus {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  listen(listener: (hint: Hint) => void): () => void {
    const own = (hint: Hint) => listener(hint);
    this.#state.listeners.add(own);
    return () => this.#state.listeners.delete(own);
  }
}
