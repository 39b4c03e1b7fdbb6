import { LostClaimError, StoreUnavailableError } from "../errors.ts";
import { DrainError } from "../jobs/job-context.ts";

/**
 * True when a job does not end here and now: its store is away, somebody else has it, or the daemon stops. Its journal
 * entry stays open, and the next run goes on.
 */
export function isPause(error: unknown, signal: AbortSignal): boolean {
  const reason: unknown = signal.aborted ? signal.reason : null;
  return (
    error instanceof StoreUnavailableError ||
    error instanceof LostClaimError ||
    reason instanceof LostClaimError ||
    reason instanceof DrainError
  );
}
