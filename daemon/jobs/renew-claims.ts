import { CancelledError, LostClaimError } from "../errors.ts";
import type { JobStore } from "./job-store.ts";
import type { Job } from "./job.ts";

/** A job whose claim this daemon holds. */
export interface ClaimedJob {
  readonly job: Job;
  /** Ends its work. */
  readonly controller: AbortController;
  /** The entry whose lease is renewed with it. */
  leaseEntryKey: string | null;
}

/** Prolongs claims, also those that ran out but were not taken; ends the work on jobs that were lost or cancelled. */
export async function renewClaims(
  store: JobStore,
  claimed: readonly ClaimedJob[],
): Promise<void> {
  const answers = await store.renew(
    claimed.map(({ job, leaseEntryKey }) => ({
      jobId: job.id,
      token: job.token,
      leaseEntryKey,
    })),
  );
  for (const [index, { job, controller }] of claimed.entries()) {
    const answer = answers[index];
    if (answer === "lost") {
      controller.abort(new LostClaimError(`job ${job.id}`));
    } else if (answer === "cancelled") {
      controller.abort(new CancelledError("the volume is being deleted"));
    }
  }
}
