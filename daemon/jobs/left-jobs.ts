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
    for (const [jobId, { job, access }] of this.#kept) {
      const claim = { jobId, token: job.token, leaseEntryKey: null };
      const [answer] = await store.renew([claim]);
      const found = answer === "lost" ? null : await store.get(jobId);
      this.#kept.delete(jobId);
      if (found !== null && !found.isDone) {
        run(found.job, access);
      }
    }
  }
}
