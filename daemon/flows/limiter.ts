import PQueue from "p-queue";

/**
 * Lets at most `concurrency` pieces of work run at a time, in the order they came. Whoever is aborted while it waits
 * leaves at once; work that runs ends by itself, and its place is free only then.
 */
export class Limiter {
  readonly #queue: PQueue;

  constructor(concurrency: number) {
    this.#queue = new PQueue({ concurrency });
  }

  /** Work that runs now. */
  get running(): number {
    return this.#queue.pending;
  }

  /** Work that waits. */
  get waiting(): number {
    return this.#queue.size;
  }

  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let hasStarted = false;
    const onAbort = (): void => {
      if (!hasStarted) {
        reject(signal.reason);
      }
    };
    signal.throwIfAborted();
    signal.addEventListener("abort", onAbort, { once: true });
    void this.#queue.add(async () => {
      if (signal.aborted) {
        return;
      }
      hasStarted = true;
      await work().then(resolve, reject);
    });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
