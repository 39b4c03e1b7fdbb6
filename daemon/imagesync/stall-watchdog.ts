import { ImageSourceError } from "../errors.ts";
import type { HttpLimits } from "./http-client.ts";

/** Ends a download that stalls or crawls. Only time spent waiting for the source counts, never our own slowness. */
export class StallWatchdog implements Disposable {
  readonly #limits: HttpLimits;
  readonly #where: string;
  readonly #fail: (error: ImageSourceError) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #startedMs = performance.now();
  #waitingSinceMs: number | null = null;
  #windowBytes = 0;
  #windowWaitMs = 0;

  constructor(
    limits: HttpLimits,
    where: string,
    fail: (error: ImageSourceError) => void,
  ) {
    this.#limits = limits;
    this.#where = where;
    this.#fail = fail;
    const everyMs = Math.min(1_000, Math.max(10, limits.stallMs / 8));
    this.#timer = setInterval(() => {
      this.#check();
    }, everyMs);
    this.#timer.unref();
  }

  /** From now on a byte could be taken. */
  waiting(): void {
    this.#waitingSinceMs = performance.now();
  }

  /** So many bytes came. */
  received(bytes: number): void {
    this.#windowWaitMs += this.#waitedMs();
    this.#waitingSinceMs = null;
    this.#windowBytes += bytes;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #waitedMs(): number {
    return this.#waitingSinceMs === null
      ? 0
      : performance.now() - this.#waitingSinceMs;
  }

  #check(): void {
    const { stallMs, minRate, rateWindowMs, totalMs } = this.#limits;
    const waitedMs = this.#waitedMs();
    if (waitedMs > stallMs) {
      this.#end("SOURCE_STALLED", `sent nothing for ${seconds(stallMs)}`);
    } else if (performance.now() - this.#startedMs > totalMs) {
      this.#end("SOURCE_TOO_SLOW", `took longer than ${seconds(totalMs)}`);
    } else if (this.#windowWaitMs + waitedMs > rateWindowMs) {
      const rate =
        (this.#windowBytes * 1_000) / (this.#windowWaitMs + waitedMs);
      if (rate < minRate) {
        this.#end(
          "SOURCE_TOO_SLOW",
          `sent ${Math.round(rate)} bytes per second over ${seconds(rateWindowMs)}, less than ${minRate}`,
        );
      }
      this.#windowBytes = 0;
      this.#windowWaitMs = 0;
    }
  }

  #end(code: string, what: string): void {
    clearInterval(this.#timer);
    this.#fail(new ImageSourceError(code, `${this.#where} ${what}`));
  }
}

function seconds(ms: number): string {
  return `${ms / 1_000} s`;
}
