import { execFile } from "node:child_process";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { promisify } from "node:util";
import type { Logger } from "./logger.ts";

const run = promisify(execFile);

/** Tells systemd how the daemon is; without `NOTIFY_SOCKET` it does nothing. */
export class SystemdNotifier implements Disposable {
  readonly #logger: Logger;
  readonly #isOn: boolean;
  #watchdog: NodeJS.Timeout | null = null;

  constructor(
    environment: Readonly<Record<string, string | undefined>>,
    logger: Logger,
  ) {
    this.#logger = logger;
    this.#isOn = (environment["NOTIFY_SOCKET"] ?? "") !== "";
    const watchdogUs = Number(environment["WATCHDOG_USEC"] ?? 0);
    if (this.#isOn && watchdogUs > 0) {
      this.#startWatchdog(watchdogUs / 1000);
    }
  }

  /** Sends states such as `READY=1`, `STATUS=…`, `STOPPING=1`. */
  async tell(...states: readonly string[]): Promise<void> {
    if (!this.#isOn) {
      return;
    }
    try {
      await run("systemd-notify", [`--pid=${process.pid}`, ...states], {
        timeout: 5000,
      });
    } catch (error) {
      this.#logger.warn("systemd not told", { states, error });
    }
  }

  [Symbol.dispose](): void {
    if (this.#watchdog !== null) {
      clearInterval(this.#watchdog);
    }
  }

  /** Keeps the watchdog quiet only while the event loop turns; outages of servers must not cause restarts. */
  #startWatchdog(periodMs: number): void {
    const delay = monitorEventLoopDelay();
    delay.enable();
    let last = performance.now();
    this.#watchdog = setInterval(() => {
      const now = performance.now();
      const wasBlocked =
        delay.max / 1e6 > periodMs / 2 || now - last > periodMs;
      last = now;
      delay.reset();
      if (wasBlocked) {
        this.#logger.error("event loop was blocked: watchdog not told");
      } else {
        void this.tell("WATCHDOG=1");
      }
    }, periodMs / 3);
    this.#watchdog.unref();
  }
}
