import { setTimeout as sleep } from "node:timers/promises";
import { RpcClient, type RpcClientOptions } from "../../cli/rpc-client.ts";
import { RpcRemoteError } from "../../cli/rpc-errors.ts";

/** What became of a request that was repeated until it was answered. */
export interface Answered {
  readonly result: unknown;
  readonly tries: number;
}

/** A caller that does not give up: it repeats the same request until there is an answer, over new connections too. */
export class PersistentCaller implements AsyncDisposable {
  readonly #options: RpcClientOptions;
  readonly #tryMs: number;
  #client: Promise<RpcClient> | null = null;

  constructor(options: RpcClientOptions, tryMs: number) {
    this.#options = options;
    this.#tryMs = tryMs;
  }

  /** The first answer; throws only what a daemon answered. */
  async call(
    method: string,
    args: Readonly<Record<string, unknown>>,
    context: Readonly<Record<string, unknown>>,
  ): Promise<Answered> {
    for (let tries = 1; ; tries += 1) {
      const connecting = (this.#client ??= RpcClient.connect(this.#options));
      try {
        const client = await connecting;
        const called = { context, timeoutMs: this.#tryMs };
        return { result: await client.call(method, args, called), tries };
      } catch (error) {
        if (error instanceof RpcRemoteError) {
          throw error;
        }
        // Only who finds the connection bad first opens a new one.
        if (this.#client === connecting) {
          this.#client = null;
          void this.#close(connecting);
        }
        await sleep(250);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#client !== null) {
      await this.#close(this.#client);
    }
  }

  async #close(connecting: Promise<RpcClient>): Promise<void> {
    const client = await connecting.catch(() => null);
    await client?.[Symbol.asyncDispose]().catch(() => {});
  }
}
