import { throwIfAborted } from "../../errors.ts";
import type { Options } from "../volume-backend.ts";

/** Tasks of one key behind each other, those of different keys side by side. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `task` after those that were there before; aborted while it waits, it never starts. */
  async run<T>(
    key: string,
    task: () => Promise<T>,
    { signal }: Options,
  ): Promise<T> {
    throwIfAborted(signal);
    const before = this.#tails.get(key);
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    const tail = (async () => {
      await before;
      await done;
    })();
    this.#tails.set(key, tail);
    try {
      await untilAborted(before, signal);
      return await task();
    } finally {
      finish();
      if (this.#tails.get(key) === tail) {
        this.#tails.delete(key);
      }
    }
  }
}

async function untilAborted(
  turn: Promise<void> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const abort = () => resolve();
  signal.addEventListener("abort", abort, { once: true });
  await Promise.race([turn, aborted]);
  signal.removeEventListener("abort", abort);
  throwIfAborted(signal);
}
