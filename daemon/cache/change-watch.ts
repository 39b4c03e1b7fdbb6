import type { HintBus } from "../jobs/hints.ts";
import { waitAtMost } from "../jobs/repeater.ts";

/** What {@link ChangeWatch} listens for, until it is disposed. */
export interface Change extends Disposable {
  /** Settles at the next hint (also one that came since `begin`), after `pollMs`, or when the signal is aborted. */
  changed(pollMs: number, signal: AbortSignal): Promise<void>;
}

/**
 * Parks those who wait for an entry or a job to change. Hints wake them; since hints may be lost, everybody also wakes
 * after `pollMs` to look.
 */
export class ChangeWatch implements Disposable {
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #unlisten: () => void;
  #parked = 0;

  constructor(hints: HintBus) {
    this.#unlisten = hints.listen((hint) => {
      this.#wake(hint.kind === "entry" ? hint.entryKey : hint.jobId);
    });
  }

  /** Number of those who are parked. */
  get count(): number {
    return this.#parked;
  }

  /**
   * Begins to listen. Begin before the look at the store that decides to wait, so that no change falls between the two.
   */
  begin(id: string): Change {
    const woken = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(id) ?? new Set();
    waiting.add(woken.resolve);
    this.#waiting.set(id, waiting);
    return {
      changed: async (pollMs, signal) => {
        this.#parked += 1;
        await waitAtMost(woken.promise, pollMs, signal);
        this.#parked -= 1;
      },
      [Symbol.dispose]: () => {
        waiting.delete(woken.resolve);
        if (waiting.size === 0 && this.#waiting.get(id) === waiting) {
          this.#waiting.delete(id);
        }
      },
    };
  }

  [Symbol.dispose](): void {
    this.#unlisten();
  }

  #wake(id: string): void {
    for (const wake of this.#waiting.get(id) ?? []) {
      wake();
    }
  }
}
