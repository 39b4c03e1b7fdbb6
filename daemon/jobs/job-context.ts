import type { Access } from "../access.ts";
import type { Logger } from "../logger.ts";
import type { Job } from "./job.ts";

/** What the work of a job is given. */
export interface JobContext {
  readonly job: Job;
  readonly access: Access;
  /** Aborted with a `CancelledError`, a `LostClaimError` or a {@link DrainError}. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** True when an earlier run of the job, here or in a daemon that died, may have left something behind. */
  readonly isRerun: boolean;
  /** Names the entry whose lease is renewed together with the job. */
  holdLease(entryKey: string | null): void;
}

/** Does a job to its end, `finish` included. It throws only when the job cannot be ended now: store away, claim lost, drain. */
export type JobWork = (context: JobContext) => Promise<void>;

/** The daemon stops: the job is left open for another one. */
export class DrainError extends Error {
  override readonly name = "DrainError";
}
