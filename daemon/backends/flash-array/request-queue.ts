import PQueue from "p-queue";
import { throwIfAborted } from "../../errors.ts";
import type { CallOptions } from "./array-client.ts";

/**
 * Lets a few calls run at a time, background ones last: an array's management plane slows down under many. Whoever is
 * aborted while it waits leaves at once.
 */
export class RequestQueue {
  readonly #queue: PQueue;

  constructor(concurrency: number) {
    this.#queue = new PQueue({ concurrency });
  }

  async run<T>(
    work: () => Promise<T>,
    { signal, isBackground = false }: CallOptions,
  ): Promise<T> {
    throwIfAborted(signal);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let hasStarted = false;
    const onAbort = (): void => {
      if (!hasStarted) {
        reject(signal.reason);
      }
    };
    signal.addEventListener("abort", onAbort, { once: true });
    void this.#queue.add(
      async () => {
        if (signal.aborted) {
          return;
        }
        hasStarted = true;
        await work().then(resolve, reject);
      },
      { priority: isBackground ? -1 : 0 },
    );
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
