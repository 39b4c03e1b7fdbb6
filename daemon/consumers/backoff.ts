import { setTimeout as sleep } from "node:timers/promises";

const FIRST_MS = 100;

/** Pauses between tries: short at first, doubled each time up to a limit, jittered so that daemons do not come in step. */
export class Backoff {
  readonly #limitMs: number;
  #failures = 0;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** After a success: the next pauses are short again, though not those of a first try. */
  ease(): void {
    this.#failures = Math.min(this.#failures, 2);
  }

  reset(): void {
    this.#failures = 0;
  }

  /** Waits its time, or until one of the signals is aborted. */
  async pause(signals: readonly AbortSignal[]): Promise<void> {
    const factor = 2 ** Math.min(this.#failures, 10);
    const fullMs = Math.min(FIRST_MS * factor, this.#limitMs);
    this.#failures += 1;
    const signal = AbortSignal.any([...signals]);
    try {
      await sleep(fullMs * (0.5 + Math.random() / 2), undefined, { signal });
    } catch {
      // Ended early, which is what the signal is for.
    }
  }
}
