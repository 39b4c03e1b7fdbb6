import {
  BackendError,
  LostClaimError,
  StoreUnavailableError,
} from "../errors.ts";
import { DrainError } from "../jobs/job-context.ts";

/** What an attempt left behind cannot be removed: its room must not be counted as free, so the job stays open. */
export class AttemptLeftError extends BackendError {
  override readonly name = "AttemptLeftError";

  constructor(name: string, cause: unknown) {
    super("ATTEMPT_LEFT", `${name} could not be removed`, { cause });
  }
}

/**
 * True when a job does not end here and now: its store is away, somebody else has it, or the daemon stops. Its journal
 * entry stays open, and the next run goes on.
 */
export function isPause(error: unknown, signal: AbortSignal): boolean {
  const reason: unknown = signal.aborted ? signal.reason : null;
  return (
    error instanceof StoreUnavailableError ||
    error instanceof LostClaimError ||
    error instanceof AttemptLeftError ||
    reason instanceof LostClaimError ||
    reason instanceof StoreUnavailableError ||
    reason instanceof DrainError
  );
}
