import type { Access } from "../access.ts";
import { StoreUnavailableError } from "../errors.ts";
import type { JobStore } from "./job-store.ts";
import type { Job } from "./job.ts";

const maxKept = 10_000;

/** Jobs, with their callers' tokens, whose work had to stop while the store was away. */
export class LeftJobs {
  readonly #kept = new Map<
    string,
    { readonly job: Job; readonly access: Access }
  >();

  /** Keeps a job whose work was ended by `signal`, if that was for the store. */
  keep(job: Job, access: Access, signal: AbortSignal): void {
    const isStoreAway = signal.reason instanceof StoreUnavailableError;
    if (isStoreAway && this.#kept.size < maxKept) {
      this.#kept.set(job.id, { job, access });
    }
  }

  /** Runs again what nobody has taken over meanwhile; to be called once the store answers. */
  async resume(
    store: JobStore,
    run: (job: Job, access: Access) => void,
  ): Promise<void> {
    for (const [jobId, left] of this.#kept) {
      // Taken out first: a renewal and a sweep may come here at the same time.
      this.#kept.delete(jobId);
      try {
        const job = await stillOurs(store, left.job);
        if (job !== null) {
          run(job, left.access);
        }
      } catch (error) {
        this.#kept.set(jobId, left);
        throw error;
      }
    }
  }
}

async function stillOurs(store: JobStore, job: Job): Promise<Job | null> {
  const claim = { jobId: job.id, token: job.token, leaseEntryKey: null };
  const [answer] = await store.renew([claim]);
  return answer === "lost" ? null : ((await store.get(job.id))?.job ?? null);
}
