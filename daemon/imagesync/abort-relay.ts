import { CancelledError } from "../errors.ts";

/** A signal of one's own that obeys another one only for a time. */
export class AbortRelay {
  readonly #controller = new AbortController();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Obeys `signal` until the answer is disposed. */
  follow(signal: AbortSignal): Disposable {
    const abort = () => {
      this.#controller.abort(
        signal.reason instanceof Error
          ? signal.reason
          : new CancelledError("the copy was aborted"),
      );
    };
    if (signal.aborted) {
      abort();
    }
    signal.addEventListener("abort", abort, { once: true });
    return {
      [Symbol.dispose]: () => {
        signal.removeEventListener("abort", abort);
      },
    };
  }
}
