import { type Access, accessWithoutToken } from "../access.ts";
import {
  CancelledError,
  LostClaimError,
  StoreUnavailableError,
} from "../errors.ts";
import { DrainError } from "./job-context.ts";
import type { JobRunnerOptions } from "./job-runner-options.ts";
import type { Job } from "./job.ts";
import { LeftJobs } from "./left-jobs.ts";
import { type ClaimedJob, renewClaims } from "./renew-claims.ts";
import { Repeater, waitAtMost } from "./repeater.ts";
import { waitForStore } from "./wait-for-store.ts";

interface Running extends ClaimedJob {
  readonly access: Access;
  readonly done: Promise<void>;
}

const storeRetryMs = 1000;
const maxStoreRetryMs = 16_000;
/** Part of a claim's time after which work on it stops when it could not be renewed. */
const claimShare = 0.75;
const claimBatch = 50;
/** How long an aborted job has to let go. */
const abortGraceMs = 25_000;

/**
 * Runs the open jobs that this daemon holds the claims of, keeps the claims alive, and takes over the jobs of daemons
 * that died. A job whose work stopped because the store was away is run again, as after a takeover, once it is back.
 */
export class JobRunner implements AsyncDisposable {
  readonly #options: JobRunnerOptions;
  readonly #running = new Map<string, Running>();
  readonly #renewal: Repeater;
  readonly #sweep: Repeater;
  readonly #unlisten: () => void;
  readonly #left = new LeftJobs();
  #isDraining = false;
  #hasSwept = false;
  #quietUntilMs = 0;
  #stopTimer: NodeJS.Timeout | undefined;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
    const { claimTtlMs, sweepMs, logger } = options;
    this.#renewal = new Repeater(
      "renewal",
      claimTtlMs / 3,
      async () => {
        await this.#renewAll();
      },
      logger,
    );
    this.#sweep = new Repeater(
      "sweep",
      sweepMs,
      async () => {
        await this.sweep();
      },
      logger,
    );
    this.#unlisten = options.hints.listen((hint) => {
      if (hint.kind === "cancelled" && this.#running.has(hint.jobId)) {
        this.#renewal.soon();
      }
    });
  }

  /** Begins to renew and to sweep; jobs of this node's earlier life are taken over at once. */
  async start(): Promise<void> {
    const released = await this.#options.store.releaseOwn();
    if (released > 0) {
      this.#options.logger.info("own jobs found", { jobs: released });
    }
    await this.sweep();
    this.#renewal.start();
    this.#sweep.start();
  }

  /** Jobs in work or parked here. */
  get runningCount(): number {
    return this.#running.size;
  }

  /** Starts a job whose claim this daemon holds. A second call for a running job changes nothing. */
  run(job: Job, access: Access, isRerun = false): void {
    const earlier = this.#running.get(job.id);
    if (earlier !== undefined && earlier.job.token !== job.token) {
      // Its claim ran out while the store was away, and we have taken it over from ourselves.
      void this.#runAfter(earlier, job);
      return;
    }
    // While it drains, only a fill starts: a create in work waits for it.
    const isWanted = !this.#isDraining || job.request.kind === "fill";
    if (earlier !== undefined || !isWanted) {
      return;
    }
    const controller = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running.set(job.id, {
      job,
      access,
      controller,
      done: promise,
      leaseEntryKey: null,
    });
    if (job.cancelled) {
      controller.abort(new CancelledError("the volume is being deleted"));
    }
    this.#options.onCount(this.#running.size);
    void this.#runToEnd(
      job,
      access,
      controller.signal,
      isRerun || job.isReopened,
    ).finally(() => {
      this.#running.delete(job.id);
      this.#options.onCount(this.#running.size);
      resolve();
    });
  }

  /** Takes over what is due; own claims first, since they may have run out while the store was away. */
  async sweep(): Promise<void> {
    try {
      await this.#renewAll();
      if (Date.now() >= this.#quietUntilMs) {
        await this.#claimAll();
      }
      this.#hasSwept = true;
    } catch (error) {
      // Nobody could renew: the others' claims ran out too, and they get the time to prolong them.
      if (this.#hasSwept) {
        this.#quietUntilMs = Date.now() + this.#options.claimTtlMs;
      }
      throw error;
    }
  }

  async #claimAll(): Promise<void> {
    let jobs: readonly Job[];
    do {
      jobs = this.#isDraining
        ? []
        : await this.#options.store.claimDue(claimBatch);
      for (const job of jobs) {
        this.#options.logger.info("job taken over", {
          jobId: job.id,
          kind: job.request.kind,
          takeovers: job.takeovers,
        });
        this.run(job, accessWithoutToken(job.access), true);
      }
    } while (jobs.length === claimBatch);
  }

  /** Stops taking jobs, waits for those in work, then gives the rest up for other daemons. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isDraining = true;
    await this.#sweep.stop();
    const all = Promise.all(
      [...this.#running.values()].map((each) => each.done),
    );
    await waitAtMost(all, timeoutMs);
    const left = [...this.#running.values()];
    for (const { controller } of left) {
      controller.abort(new DrainError("the daemon stops"));
    }
    await waitAtMost(Promise.all(left.map((each) => each.done)), abortGraceMs);
    await this.#renewal.stop();
    for (const { job } of left) {
      if (this.#running.has(job.id)) {
        // It may still write: others wait until its claim ends.
        this.#options.logger.error("job does not end", { jobId: job.id });
        continue;
      }
      await this.#options.store
        .release(job.id, job.token)
        .catch((error: unknown) => {
          this.#options.logger.warn("job not released", {
            jobId: job.id,
            error,
          });
        });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unlisten();
    await this.drain(0);
    clearTimeout(this.#stopTimer);
  }

  async #runToEnd(
    first: Job,
    access: Access,
    signal: AbortSignal,
    wasRun: boolean,
  ): Promise<void> {
    const { store, logger } = this.#options;
    let job: Job | null = first;
    let isRerun = wasRun;
    let retryMs = storeRetryMs;
    const { work, poisoned, maxTakeovers } = this.#options;
    while (job !== null) {
      const current: Job = job;
      try {
        await (current.takeovers > maxTakeovers ? poisoned : work)({
          job: current,
          access,
          signal,
          isRerun,
          logger: logger.child({
            jobId: current.id,
            requestId: access.requestId,
          }),
          holdLease: (entryKey) => {
            const running = this.#running.get(current.id);
            if (running !== undefined) {
              running.leaseEntryKey = entryKey;
            }
          },
        });
        return;
      } catch (error) {
        if (!(error instanceof StoreUnavailableError) || signal.aborted) {
          this.#tellEnd(current, error, signal);
          this.#left.keep(current, access, signal);
          return;
        }
        logger.warn("job paused: store away", { jobId: current.id, error });
      }
      job = await waitForStore(store, current, retryMs, signal);
      if (job === null) {
        this.#left.keep(current, access, signal);
      }
      retryMs = Math.min(2 * retryMs, maxStoreRetryMs);
      isRerun = true;
    }
  }

  async #runAfter(earlier: Running, job: Job): Promise<void> {
    earlier.controller.abort(new LostClaimError(`job ${job.id}`));
    await earlier.done;
    this.run(job, earlier.access, true);
  }

  #tellEnd(job: Job, error: unknown, signal: AbortSignal): void {
    const fields = { jobId: job.id, kind: job.request.kind, error };
    if (error instanceof LostClaimError || signal.aborted) {
      this.#options.logger.warn("job left", fields);
    } else {
      this.#options.logger.error("job failed to end", fields);
    }
  }

  async #renewAll(): Promise<void> {
    const { store } = this.#options;
    await renewClaims(store, [...this.#running.values()]);
    this.#armStop();
    if (!this.#isDraining) {
      await this.#left.resume(store, (job, access) => {
        this.run(job, access, true);
      });
    }
  }

  /** Work stops before anybody may take it over; whoever does goes on from the journal. */
  #armStop(): void {
    clearTimeout(this.#stopTimer);
    this.#stopTimer = setTimeout(() => {
      for (const { controller } of this.#running.values()) {
        controller.abort(
          new StoreUnavailableError("claims could not be renewed in time"),
        );
      }
    }, this.#options.claimTtlMs * claimShare);
    this.#stopTimer.unref();
  }
}
