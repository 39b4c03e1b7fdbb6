import { randomUUID } from "node:crypto";
import PQueue from "p-queue";
import type { Logger } from "../logger.ts";
import { brokerError, replyCode } from "./amqp-connect.ts";
import type { AmqpEndpoint } from "./amqp-endpoint.ts";
import { AmqpLink } from "./amqp-link.ts";
import type { AmqpSession } from "./amqp-session.ts";
import { BrokerError } from "./broker-error.ts";
import type { SealedMessage } from "./oslo-envelope.ts";

/** What a {@link ConfirmedPublisher} needs. */
export interface ConfirmedPublisherOptions {
  readonly endpoints: readonly AmqpEndpoint[];
  /** Name of the connection, for the broker's tools. */
  readonly name: string;
  readonly logger: Logger;
  /** How long to wait for a connection, and then for the confirmation. */
  readonly confirmTimeoutMs?: number;
  readonly maxInFlight?: number;
  readonly heartbeatS?: number;
}

/** One message on its way. */
export interface Publication {
  readonly exchange: string;
  readonly routingKey: string;
  readonly message: SealedMessage;
  /** Asks the broker to say when no queue takes it. */
  readonly mandatory: boolean;
  /** Adds the `user_id` that the broker checks. */
  readonly withUserId?: boolean;
  /** Done first, on the same session; for example a declaration. */
  readonly prepare?: (session: AmqpSession) => Promise<void>;
}

/** `unroutable`: the broker took the message, and dropped it since no queue is bound for it. */
export type Fate = "confirmed" | "unroutable";

/** Publishes on a connection of its own, and knows what became of each message. */
export class ConfirmedPublisher implements AsyncDisposable {
  readonly #link: AmqpLink;
  readonly #timeoutMs: number;
  readonly #inFlight: PQueue;
  readonly #returned = new Set<string>();

  constructor(options: ConfirmedPublisherOptions) {
    this.#timeoutMs = options.confirmTimeoutMs ?? 10_000;
    this.#inFlight = new PQueue({ concurrency: options.maxInFlight ?? 100 });
    this.#link = new AmqpLink({
      endpoints: options.endpoints,
      name: options.name,
      logger: options.logger,
      ...(options.heartbeatS === undefined
        ? {}
        : { heartbeatS: options.heartbeatS }),
      setup: async ({ channel }) => {
        this.#returned.clear();
        channel.on("return", ({ properties }) => {
          this.#returned.add(String(properties.messageId));
        });
        await Promise.resolve();
      },
    });
  }

  get isConnected(): boolean {
    return this.#link.isConnected;
  }

  /** True while the broker, short of memory or disk, takes no messages. */
  get isBlocked(): boolean {
    return this.#link.isBlocked;
  }

  /** Messages waiting or not confirmed yet. */
  get pending(): number {
    return this.#inFlight.size + this.#inFlight.pending;
  }

  start(): void {
    this.#link.start();
  }

  /** Resolves when the broker confirmed; rejects with a {@link BrokerError} when it is not sure that it did. */
  async publish(publication: Publication): Promise<Fate> {
    // Outside the queue, so that in an outage all fail together and not one batch after the other.
    await this.#link.ready(this.#timeoutMs);
    return await this.#inFlight.add(async () => {
      const session = await this.#link.ready(this.#timeoutMs);
      try {
        await publication.prepare?.(session);
        return await this.#publish(session, publication);
      } catch (error) {
        throw unsure(error, publication);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link[Symbol.asyncDispose]();
  }

  async #publish(
    { channel, username }: AmqpSession,
    { exchange, routingKey, message, mandatory, withUserId }: Publication,
  ): Promise<Fate> {
    const messageId = randomUUID();
    const fate = Promise.withResolvers<Fate>();
    const timer = setTimeout(
      () =>
        fate.reject(
          new BrokerError(
            "AMQP_UNCONFIRMED",
            `no confirmation within ${this.#timeoutMs} ms`,
          ),
        ),
      this.#timeoutMs,
    );
    try {
      channel.publish(
        exchange,
        routingKey,
        message.content,
        {
          ...message.options,
          mandatory,
          messageId,
          ...(withUserId === true && { userId: username }),
        },
        (error: unknown) => {
          if (error instanceof Error) {
            fate.reject(error);
          } else {
            // The return of an unroutable message comes before its confirmation.
            const isReturned = this.#returned.delete(messageId);
            fate.resolve(isReturned ? "unroutable" : "confirmed");
          }
        },
      );
      return await fate.promise;
    } finally {
      clearTimeout(timer);
    }
  }
}

function unsure(error: unknown, { exchange, routingKey }: Publication): Error {
  if (error instanceof BrokerError) {
    return error;
  }
  const text = error instanceof Error ? error.message : String(error);
  if (replyCode(error) === 403) {
    return brokerError(
      error,
      `message to "${exchange}" with key "${routingKey}"`,
    );
  }
  return new BrokerError(
    "AMQP_UNCONFIRMED",
    `message to "${exchange}" with key "${routingKey}": ${text}`,
    { cause: error },
  );
}
