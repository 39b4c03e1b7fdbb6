import { type Access, accessWithoutToken } from "../access.ts";
import { StoreUnavailableError } from "../errors.ts";
import type { Job } from "./job.ts";

const maxKept = 10_000;

/** Callers, with their tokens, of jobs that had to be left while the store was away, until the jobs are taken again. */
export class LeftAccesses {
  readonly #kept = new Map<string, Access>();

  /** Keeps the caller of a job whose work was ended by `signal`, if that was for the store. */
  keep(job: Job, access: Access, signal: AbortSignal): void {
    const isStoreAway = signal.reason instanceof StoreUnavailableError;
    if (isStoreAway && this.#kept.size < maxKept) {
      this.#kept.set(job.id, access);
    }
  }

  /** Who a job that was taken over works for: as kept, else as the journal knows, without a token. */
  take(job: Job): Access {
    const access = this.#kept.get(job.id) ?? accessWithoutToken(job.access);
    this.#kept.delete(job.id);
    return access;
  }
}
