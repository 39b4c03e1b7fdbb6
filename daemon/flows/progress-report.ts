import type { JobStore } from "../jobs/job-store.ts";
import type { Job } from "../jobs/job.ts";
import type { Progress } from "../volume.ts";

const saveEveryMs = 500;

/** Saves how far a copy has come, now and then and never twice at a time; a save that fails is left out. */
export class ProgressReport {
  readonly #store: JobStore;
  readonly #job: Job;
  readonly #onSave: (progress: Progress) => Promise<void>;
  #savedAt = 0;
  #isSaving = false;

  constructor(
    store: JobStore,
    job: Job,
    onSave: (progress: Progress) => Promise<void> = async () => {},
  ) {
    this.#store = store;
    this.#job = job;
    this.#onSave = onSave;
  }

  /** Takes a progress; to be given to the copier. */
  readonly note = (progress: Progress): void => {
    const now = Date.now();
    if (this.#isSaving || now - this.#savedAt < saveEveryMs) {
      return;
    }
    this.#isSaving = true;
    this.#savedAt = now;
    void this.#save(progress)
      .catch(() => {}) // The store is away: progress is only a courtesy.
      .finally(() => {
        this.#isSaving = false;
      });
  };

  async #save(progress: Progress): Promise<void> {
    await this.#store.saveProgress(this.#job.id, this.#job.token, progress);
    await this.#onSave(progress);
  }
}
