import type { JsonObject } from "../daemon/consumers/oslo-envelope.ts";
import { RpcRemoteError, RpcUnansweredError } from "./rpc-errors.ts";

/** What a {@link ReplyWaiter} heeds. */
export interface WaitOptions {
  readonly timeoutMs: number;
  readonly monitorTimeoutS?: number;
  readonly onHeartbeat?: () => void;
  readonly signal?: AbortSignal;
}

function text(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function remoteError(failure: unknown): Error {
  try {
    const remote = JSON.parse(String(failure)) as Record<string, unknown>;
    const kwargs = (remote["kwargs"] ?? {}) as Record<string, unknown>;
    const code = kwargs["code"];
    const errorCode = kwargs["error_code"];
    return new RpcRemoteError({
      remoteClass: text(remote["class"], "Exception"),
      message: text(remote["message"], "failure without a message"),
      status: typeof code === "number" ? code : null,
      errorCode: typeof errorCode === "string" ? errorCode : null,
    });
  } catch (error) {
    return new RpcUnansweredError(
      "RPC_BAD_REPLY",
      "the daemon's answer cannot be read",
      { cause: error },
    );
  }
}

/** Waits for the answer to one call: for all of `timeoutMs`, and never longer than `monitorTimeoutS` without a sign of life. */
export class ReplyWaiter {
  readonly reply: Promise<unknown>;
  readonly #answer = Promise.withResolvers<unknown>();
  readonly #method: string;
  readonly #options: WaitOptions;
  readonly #total: NodeJS.Timeout;
  #monitor: NodeJS.Timeout | undefined;
  readonly #onAbort = () => this.fail(this.#options.signal?.reason as Error);

  constructor(method: string, options: WaitOptions) {
    this.#method = method;
    this.#options = options;
    this.reply = this.#answer.promise;
    // Whoever fails first tells; the other end of the race is not to be an unhandled rejection.
    this.reply.catch(() => {});
    this.#total = setTimeout(
      () => this.#timeOut(options.timeoutMs / 1000),
      options.timeoutMs,
    );
    this.#restartMonitor();
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (options.signal?.aborted === true) {
      this.#onAbort();
    }
  }

  receive(message: JsonObject): void {
    if (message["ending"] !== true) {
      this.#restartMonitor();
      this.#options.onHeartbeat?.();
      return;
    }
    const failure = message["failure"];
    if (failure === null || failure === undefined) {
      this.#answer.resolve(message["result"] ?? null);
    } else {
      this.fail(remoteError(failure));
    }
  }

  fail(error: Error): void {
    this.#answer.reject(error);
  }

  stop(): void {
    clearTimeout(this.#total);
    clearTimeout(this.#monitor);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }

  #restartMonitor(): void {
    const { monitorTimeoutS } = this.#options;
    clearTimeout(this.#monitor);
    if (monitorTimeoutS !== undefined) {
      this.#monitor = setTimeout(
        () => this.#timeOut(monitorTimeoutS),
        monitorTimeoutS * 1000,
      );
    }
  }

  #timeOut(seconds: number): void {
    this.fail(
      new RpcUnansweredError(
        "RPC_TIMEOUT",
        `no answer to ${this.#method} within ${seconds} s; ivcd may still be at work on it`,
      ),
    );
  }
}
