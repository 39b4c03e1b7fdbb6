import type { HintBus } from "../jobs/hints.ts";
import { pause } from "../jobs/repeater.ts";

/**
 * Parks those who wait for an entry or a job to change. Hints wake them; since hints may be lost, everybody also wakes
 * after `pollMs` to look.
 */
export class ChangeWatch implements Disposable {
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #unlisten: () => void;

  constructor(hints: HintBus) {
    this.#unlisten = hints.listen((hint) => {
      this.#wake(hint.kind === "entry" ? hint.entryKey : hint.jobId);
    });
  }

  /** Number of those who are parked. */
  get count(): number {
    let count = 0;
    for (const each of this.#waiting.values()) {
      count += each.size;
    }
    return count;
  }

  /**
   * Begins to listen; the promise of `changed` settles at the next hint, after `pollMs`, or when the signal is aborted.
   * Begin before the look at the store that decides to wait, so that no change falls between the two.
   */
  begin(id: string): {
    changed(pollMs: number, signal: AbortSignal): Promise<void>;
  } & Disposable {
    const woken = new AbortController();
    const wake = (): void => {
      woken.abort();
    };
    const waiting = this.#waiting.get(id) ?? new Set();
    waiting.add(wake);
    this.#waiting.set(id, waiting);
    return {
      changed: async (pollMs, signal) => {
        await pause(pollMs, AbortSignal.any([woken.signal, signal]));
      },
      [Symbol.dispose]: () => {
        waiting.delete(wake);
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
