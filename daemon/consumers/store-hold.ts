import { setTimeout as sleep } from "node:timers/promises";

/** What a {@link StoreHold} needs. */
export interface StoreHoldOptions {
  /** Whether the store takes writes again. */
  readonly storeReady: () => Promise<boolean>;
  /** How long messages are kept unacknowledged. */
  readonly holdMs: number;
  readonly retryMs: number;
  /** Called when the store stayed away for `holdMs`, and when it is back after that. */
  readonly onAway: () => void;
  readonly onBack: () => void;
}

/**
 * Knows how long the shared store has been away:
 *
 *     present -> held    a handler could not reach it; messages are kept and offered again
 *     held    -> present a handler reached it
 *     held    -> away    not back within `holdMs`: consumers are cancelled, messages returned, the store polled
 *     away    -> present the poll succeeded
 */
export class StoreHold {
  readonly #options: StoreHoldOptions;
  #heldSinceMs: number | null = null;
  #missedAtMs = 0;
  #isAway = false;

  constructor(options: StoreHoldOptions) {
    this.#options = options;
  }

  get isAway(): boolean {
    return this.#isAway;
  }

  /** A handler reached the store. */
  reached(): void {
    if (!this.#isAway) {
      this.#heldSinceMs = null;
    }
  }

  /** A handler could not reach it: waits before the next try; false when there is to be none. */
  async mayRetry(signal: AbortSignal, stop: AbortSignal): Promise<boolean> {
    const nowMs = performance.now();
    if (nowMs - this.#missedAtMs > this.#options.holdMs) {
      // The last miss belongs to an outage that is over, whoever held it then.
      this.#heldSinceMs = null;
    }
    this.#missedAtMs = nowMs;
    this.#heldSinceMs ??= nowMs;
    if (nowMs - this.#heldSinceMs >= this.#options.holdMs) {
      this.#leave(stop);
      return false;
    }
    try {
      await sleep(this.#options.retryMs, undefined, { signal });
    } catch {
      return false;
    }
    return !this.#isAway;
  }

  #leave(stop: AbortSignal): void {
    if (!this.#isAway) {
      this.#isAway = true;
      this.#options.onAway();
      void this.#poll(stop);
    }
  }

  async #poll(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      if (await this.#isReady()) {
        this.#isAway = false;
        this.#heldSinceMs = null;
        this.#options.onBack();
        return;
      }
      await sleep(this.#options.retryMs, undefined, { signal: stop }).catch(
        () => {},
      );
    }
  }

  async #isReady(): Promise<boolean> {
    try {
      return await this.#options.storeReady();
    } catch {
      return false;
    }
  }
}
