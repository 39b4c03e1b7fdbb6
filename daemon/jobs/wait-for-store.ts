import type { JobStore } from "./job-store.ts";
import type { Job } from "./job.ts";
import { pause } from "./repeater.ts";

/** The job as the journal has it, once that can be asked again; null when it is no longer ours, or we shall not wait. */
export async function waitForStore(
  store: JobStore,
  job: Job,
  retryMs: number,
  signal: AbortSignal,
): Promise<Job | null> {
  while (!signal.aborted) {
    await pause(retryMs, signal);
    try {
      const found = await store.get(job.id);
      return found?.job?.token === job.token ? found.job : null;
    } catch {
      // Whatever it answers, it does not serve yet.
    }
  }
  return null;
}
