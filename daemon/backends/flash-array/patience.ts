import { setTimeout as delay } from "node:timers/promises";
import { throwIfAborted } from "../../errors.ts";
import type { Options } from "../volume-backend.ts";
import { mayBeDone } from "./array-answer.ts";
import type { Sent } from "./array-wire.ts";

/** How long a call puts up with an array that does not serve it. */
export interface PatienceLimits {
  /** From the first failure; a controller's failover takes tens of seconds. */
  readonly outageMs: number;
  /** In all, while the array has too many requests. */
  readonly busyMs: number;
}

const firstPauseMs = 250;
const longestPauseMs = 4000;
const unusableTries = 3;
const shortestBusyMs = 100;

/**
 * Decides after each answer whether the call is sent again. What was certainly not executed may always be; what may
 * have been, only when it is a read.
 */
export class Patience {
  readonly #limits: PatienceLimits;
  readonly #isRead: boolean;
  #failedSinceMs: number | null = null;
  #failures = 0;
  #unusable = 0;
  #busyMs = 0;

  constructor(limits: PatienceLimits, isRead: boolean) {
    this.#limits = limits;
    this.#isRead = isRead;
  }

  /** The pause before the next try; null when there is none. */
  pauseMsAfter({ answer }: Sent<unknown>): number | null {
    if (answer.kind === "busy") {
      return this.#pauseOfBusy(answer.waitMs);
    }
    const isOutage = ["unusable", "broken", "lost"].includes(answer.kind);
    if (answer.kind === "ok" || !isOutage) {
      return null;
    }
    if (mayBeDone(answer) && !this.#isRead) {
      return null;
    }
    if (answer.kind === "unusable") {
      this.#unusable += 1;
      return this.#unusable < unusableTries ? this.#pauseOfOutage() : null;
    }
    // A certificate does not become right within seconds.
    return answer.kind === "lost" && answer.isUntrusted
      ? null
      : this.#pauseOfOutage();
  }

  #pauseOfBusy(askedMs: number): number | null {
    const waitMs = Math.max(askedMs, shortestBusyMs);
    this.#busyMs += waitMs;
    // Not all at the same moment again.
    const ms = waitMs + Math.random() * Math.min(250, waitMs / 4);
    return this.#busyMs > this.#limits.busyMs ? null : ms;
  }

  #pauseOfOutage(): number | null {
    const now = performance.now();
    this.#failedSinceMs ??= now;
    const most = Math.min(firstPauseMs * 2 ** this.#failures, longestPauseMs);
    this.#failures += 1;
    const ms = most / 2 + Math.random() * (most / 2);
    return now + ms - this.#failedSinceMs > this.#limits.outageMs ? null : ms;
  }
}

/**
 * Sends until there is an answer to give to the caller. An abort ends it with the abort's own reason, but for a change
 * that may have been done: its caller has to know.
 */
export async function patiently<T>(
  attempt: () => Promise<Sent<T>>,
  patience: Patience,
  { signal }: Options,
): Promise<Sent<T>> {
  for (;;) {
    throwIfAborted(signal);
    const sent = await attempt();
    const pauseMs = patience.pauseMsAfter(sent);
    if (pauseMs === null) {
      return sent;
    }
    await pause(pauseMs, { signal });
  }
}

async function pause(ms: number, { signal }: Options): Promise<void> {
  try {
    await delay(ms, null, { signal });
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}
