import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import { LostClaimError } from "../errors.ts";
import { contentKey, type ImageMeta } from "../image.ts";
import type { JobContext } from "../jobs/job-context.ts";
import type { CreateRequest, Job } from "../jobs/job.ts";
import type { CreatePath } from "../volume.ts";
import type { FlowTools } from "./backend-services.ts";

/** Ten random hex digits: part of every name made on the way. */
export function newAttempt(): string {
  return randomBytes(5).toString("hex");
}

/** A finished volume: what was made, and how. */
export interface Served {
  readonly providerId: string;
  readonly sizeGb: number;
  readonly path: CreatePath;
  readonly reason: string;
  readonly bytesDownloaded: number;
}

/** One run of a create: its request, what is known so far, and its stopwatch. */
export class CreateRun {
  readonly tools: FlowTools;
  readonly context: JobContext;
  readonly request: CreateRequest;
  readonly timingsMs: Record<string, number> = {};
  image: ImageMeta | null = null;
  content: string | null = null;
  /** How it would be told if it ended now. */
  path: CreatePath | null = null;
  reason = "";
  #unusedAttempt: string | null;
  readonly #startedAt = performance.now();

  constructor(tools: FlowTools, context: JobContext, request: CreateRequest) {
    this.tools = tools;
    this.context = context;
    this.request = request;
    this.#unusedAttempt = context.isRerun
      ? null
      : (context.job.attempts.at(-1) ?? null);
  }

  get job(): Job {
    return this.context.job;
  }

  /** The entry of the image's content; null while that is not known, or when it has none. */
  get entryKey(): string | null {
    return this.content === null ? null : contentKey(this.content);
  }

  get elapsedMs(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  /** Does a step and adds its time to `timingsMs`. */
  async timed<T>(
    phase: "describe" | "wait" | "clone" | "copy",
    step: () => Promise<T>,
  ): Promise<T> {
    const startedAt = performance.now();
    try {
      return await step();
    } finally {
      const spent = performance.now() - startedAt;
      this.timingsMs[phase] =
        Math.round(((this.timingsMs[phase] ?? 0) + spent) * 10) / 10;
      this.tools.meter.phase(phase, spent);
    }
  }

  /** An attempt name that is in the journal; nothing is made under a name before that. */
  async newAttempt(): Promise<string> {
    if (this.#unusedAttempt !== null) {
      const first = this.#unusedAttempt;
      this.#unusedAttempt = null;
      return first;
    }
    const attempt = newAttempt();
    const { id, token } = this.job;
    if (!(await this.tools.jobs.addAttempt(id, token, attempt))) {
      throw new LostClaimError(`create of volume ${this.request.volumeId}`);
    }
    return attempt;
  }

  /** Removes whatever earlier attempts of this create, also by other daemons, left behind. */
  async removeAttempts(attempts: readonly string[]): Promise<void> {
    const { backend } = this.tools;
    for (const attempt of attempts) {
      await backend.deleteVolume(
        backend.nameFor({ kind: "attempt", attempt }),
        {
          signal: AbortSignal.timeout(60_000),
        },
      );
    }
  }
}
