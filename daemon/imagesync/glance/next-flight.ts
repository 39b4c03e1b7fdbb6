import type { Options } from "../../backends/volume-backend.ts";
import { CancelledError, throwIfAborted } from "../../errors.ts";

interface Flight<T> {
  readonly result: Promise<T>;
  readonly abort: AbortController;
  passengers: number;
}

interface Lane<T> {
  running: Flight<T>;
  next: Flight<T> | null;
}

/**
 * Shares one call among concurrent callers of a key, but only a call that starts after each of them arrived: whoever
 * comes while one is running boards the next. So nobody is answered with what was true before it asked.
 */
export class NextFlight<T> {
  readonly #lanes = new Map<string, Lane<T>>();

  /** The result of a call that starts now or later. A call that nobody waits for any more is aborted. */
  async board(
    key: string,
    call: (options: Options) => Promise<T>,
    { signal }: Options,
  ): Promise<T> {
    throwIfAborted(signal);
    return await wait(this.#flightFor(key, call), signal);
  }

  #flightFor(key: string, call: (options: Options) => Promise<T>): Flight<T> {
    const lane = this.#lanes.get(key);
    if (lane === undefined) {
      const running = depart(call, Promise.resolve());
      const opened: Lane<T> = { running, next: null };
      this.#lanes.set(key, opened);
      void this.#landed(key, opened);
      return running;
    }
    // One that everybody left before it began is dead already.
    if (lane.next === null || lane.next.abort.signal.aborted) {
      lane.next = depart(call, settled(lane.running.result));
    }
    return lane.next;
  }

  async #landed(key: string, lane: Lane<T>): Promise<void> {
    for (;;) {
      await settled(lane.running.result);
      if (lane.next === null) {
        this.#lanes.delete(key);
        return;
      }
      lane.running = lane.next;
      lane.next = null;
    }
  }
}

function depart<T>(
  call: (options: Options) => Promise<T>,
  after: Promise<unknown>,
): Flight<T> {
  const abort = new AbortController();
  const start = async () => {
    await after;
    throwIfAborted(abort.signal);
    return await call({ signal: abort.signal });
  };
  return { result: start(), abort, passengers: 0 };
}

async function wait<T>(flight: Flight<T>, signal: AbortSignal): Promise<T> {
  flight.passengers += 1;
  const left = Promise.withResolvers<never>();
  const leave = () => {
    left.reject(signal.reason as Error);
  };
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([flight.result, left.promise]);
  } finally {
    signal.removeEventListener("abort", leave);
    flight.passengers -= 1;
    if (flight.passengers === 0) {
      flight.abort.abort(new CancelledError("nobody waits for it any more"));
    }
  }
}

async function settled(promise: Promise<unknown>): Promise<void> {
  await Promise.allSettled([promise]);
}
