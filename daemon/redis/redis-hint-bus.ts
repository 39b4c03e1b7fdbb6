import type { Redis } from "ioredis";
import type { Hint, HintBus } from "../jobs/hints.ts";
import type { RedisConnection } from "./connection.ts";
import { backendKeys } from "./keys.ts";

/** Hints of one backend, over a subscription of its own that comes back after every lost connection. */
export class RedisHintBus implements HintBus, AsyncDisposable {
  readonly #listeners = new Set<(hint: Hint) => void>();
  readonly #subscriber: Redis;

  constructor(options: {
    readonly redis: RedisConnection;
    readonly backend: string;
  }) {
    const channel = backendKeys(options.backend).hints;
    this.#subscriber = options.redis.subscriber();
    const subscribe = () => {
      this.#subscriber.subscribe(channel).catch(() => {});
    };
    this.#subscriber.on("ready", subscribe);
    if (this.#subscriber.status === "ready") {
      subscribe();
    }
    this.#subscriber.on("message", (_channel: string, text: string) => {
      const hint = hintOf(text);
      if (hint !== null) {
        for (const listener of this.#listeners) {
          listener(hint);
        }
      }
    });
  }

  listen(listener: (hint: Hint) => void): () => void {
    // A function of its own per call: the same one may listen twice.
    const own = (hint: Hint) => listener(hint);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
    this.#subscriber.disconnect();
    await Promise.resolve();
  }
}

function hintOf(text: string): Hint | null {
  const colon = text.indexOf(":");
  const [kind, id] = [text.slice(0, colon), text.slice(colon + 1)];
  switch (kind) {
    case "entry":
      return { kind, entryKey: id };
    case "done":
    case "cancelled":
      return { kind, jobId: id };
    default:
      return null;
  }
}
