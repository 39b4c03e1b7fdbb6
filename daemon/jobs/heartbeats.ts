import type { HintBus } from "./hints.ts";
import type { JobStore } from "./job-store.ts";
import type { ReplyTarget } from "./job.ts";
import type { MessageSender } from "./outbox.ts";

const checkEvery = 10;

/** Tells callers that asked for it (`call_monitor_timeout`) that their job goes on, until it ends. */
export class Heartbeats implements Disposable {
  readonly #sender: MessageSender;
  readonly #store: JobStore;
  /** By job, then by the caller's message. */
  readonly #timers = new Map<string, Map<string, NodeJS.Timeout>>();
  readonly #unlisten: () => void;

  constructor(sender: MessageSender, store: JobStore, hints: HintBus) {
    this.#sender = sender;
    this.#store = store;
    this.#unlisten = hints.listen((hint) => {
      if (hint.kind === "done" && this.#timers.has(hint.jobId)) {
        void this.#stopIfDone(hint.jobId);
      }
    });
  }

  /** Starts, once, to send to `target` every half of its `monitorTimeoutS`, the first after that time. */
  track(jobId: string, target: ReplyTarget | null): void {
    if (
      target === null ||
      target.monitorTimeoutS === null ||
      this.#timers.get(jobId)?.has(target.msgId) === true
    ) {
      return;
    }
    let turns = 0;
    const timer = setInterval(
      () => {
        turns += 1;
        void this.#beat(jobId, target, timer, turns % checkEvery === 0);
      },
      Math.floor(target.monitorTimeoutS) * 500,
    );
    const timers = this.#timers.get(jobId) ?? new Map<string, NodeJS.Timeout>();
    timers.set(target.msgId, timer);
    this.#timers.set(jobId, timers);
  }

  /** Ends the heartbeats of a job. */
  stop(jobId: string): void {
    for (const timer of this.#timers.get(jobId)?.values() ?? []) {
      clearInterval(timer);
    }
    this.#timers.delete(jobId);
  }

  [Symbol.dispose](): void {
    this.#unlisten();
    for (const jobId of this.#timers.keys()) {
      this.stop(jobId);
    }
  }

  async #beat(
    jobId: string,
    target: ReplyTarget,
    timer: NodeJS.Timeout,
    withCheck: boolean,
  ): Promise<void> {
    if (withCheck) {
      await this.#stopIfDone(jobId);
    }
    if (!this.#timers.has(jobId)) {
      return;
    }
    const isReachable = await this.#sender
      .sendHeartbeat(target)
      .catch(() => true); // The broker is away: the next one may pass.
    if (!isReachable) {
      clearInterval(timer);
      this.#timers.get(jobId)?.delete(target.msgId);
    }
  }

  async #stopIfDone(jobId: string): Promise<void> {
    const found = await this.#store.get(jobId).catch(() => undefined); // Store away: unknown, so go on.
    if (found === null || found?.isDone === true) {
      this.stop(jobId);
    }
  }
}
