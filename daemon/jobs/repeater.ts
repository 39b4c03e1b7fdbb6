import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../logger.ts";

/** Waits; ends early, without an error, when the signal is aborted. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch {
    // Aborted: whoever waits looks at the signal.
  }
}

/** Waits for a promise, but no longer than `ms`, and no longer than until the signal is aborted. */
export async function waitAtMost(
  promise: Promise<unknown>,
  ms: number,
  signal?: AbortSignal,
): Promise<void> {
  const waited = Promise.withResolvers<void>();
  const timer = setTimeout(waited.resolve, ms);
  const onAbort = (): void => {
    waited.resolve();
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal?.aborted !== true) {
      await Promise.race([promise, waited.promise]);
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Does something again and again, never twice at a time; a failure is logged and the next turn comes as usual. */
export class Repeater {
  readonly #name: string;
  readonly #intervalMs: number;
  readonly #turn: () => Promise<void>;
  readonly #logger: Logger;
  #wake = new AbortController();
  #loop: Promise<void> | null = null;
  #isStopped = false;

  constructor(
    name: string,
    intervalMs: number,
    turn: () => Promise<void>,
    logger: Logger,
  ) {
    this.#name = name;
    this.#intervalMs = intervalMs;
    this.#turn = turn;
    this.#logger = logger;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Brings the next turn forward to now. */
  soon(): void {
    this.#wake.abort(null);
  }

  /** Ends after the turn in work. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      await pause(this.#intervalMs, this.#wake.signal);
      if (this.#isStopped) {
        return;
      }
      this.#wake = new AbortController();
      try {
        await this.#turn();
      } catch (error) {
        this.#logger.warn("turn failed", { turn: this.#name, error });
      }
    }
  }
}
