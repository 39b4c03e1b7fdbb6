import type { Logger } from "../logger.ts";
import type { HintBus } from "./hints.ts";
import type { JobWork } from "./job-context.ts";
import type { JobStore } from "./job-store.ts";

/** Options of `JobRunner`. */
export interface JobRunnerOptions {
  readonly store: JobStore;
  readonly hints: HintBus;
  readonly work: JobWork;
  /** Ends a job that was taken over too often. */
  readonly poisoned: JobWork;
  readonly maxTakeovers: number;
  readonly claimTtlMs: number;
  readonly sweepMs: number;
  /** Told whenever the number of running jobs changed. */
  readonly onCount: (running: number) => void;
  readonly logger: Logger;
}
