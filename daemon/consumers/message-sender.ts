import { setTimeout as sleep } from "node:timers/promises";
import type { EventMessage, Outcome, ReplyTarget } from "../jobs/job.ts";
import type { MessageSender } from "../jobs/outbox.ts";
import type { Logger } from "../logger.ts";
import type { AmqpSession } from "./amqp-session.ts";
import { BrokerError } from "./broker-error.ts";
import type { ConfirmedPublisher, Fate } from "./confirmed-publisher.ts";
import { GoneQueues } from "./gone-queues.ts";
import { encodeNotification } from "./oslo-notification.ts";
import { encodeHeartbeat, encodeReply } from "./oslo-reply.ts";
import { declareNotifications, type OsloFlags } from "./oslo-topology.ts";

/** What an {@link OsloMessageSender} needs. */
export interface OsloMessageSenderOptions {
  /** For replies and heartbeats. */
  readonly publisher: ConfirmedPublisher;
  /** For events, which a broker may refuse: their channel is closed then, and replies must not suffer. */
  readonly eventPublisher: ConfirmedPublisher;
  readonly logger: Logger;
  readonly flags: OsloFlags;
  readonly notifications: {
    readonly exchange: string;
    readonly topic: string;
    /** Whether to declare and bind the queue named like the routing key. */
    readonly declareQueue: boolean;
  };
  /** How long a reply is offered to a queue that is not there. */
  readonly missingQueueRetryMs?: number;
}

/** What the sender of a reply may want to know before it ends. */
export interface ReplyOptions {
  /** Called once when the caller's queue was not there at the first try. */
  readonly onMissingQueue?: () => void;
}

const RETRY_MS = 250;
const LATE_REPLY_MS = 60_000;

/** Sends replies, heartbeats and notifications as oslo.messaging does. */
export class OsloMessageSender implements MessageSender, AsyncDisposable {
  readonly #options: OsloMessageSenderOptions;
  readonly #gone = new GoneQueues();
  readonly #stop = new AbortController();
  /** Declarations by session and key: a new channel declares again. */
  #declared = new WeakMap<AmqpSession, Map<string, Promise<void>>>();

  constructor(options: OsloMessageSenderOptions) {
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#options.publisher.isConnected;
  }

  async sendEvent(event: EventMessage): Promise<void> {
    const { exchange, topic, declareQueue } = this.#options.notifications;
    const routingKey = `${topic}.${event.priority.toLowerCase()}`;
    const send = async (): Promise<Fate> =>
      await this.#options.eventPublisher.publish({
        exchange,
        routingKey,
        message: encodeNotification(event),
        mandatory: declareQueue,
        prepare: async (session) =>
          await this.#declareOnce(session, exchange, routingKey),
      });
    if ((await send()) === "unroutable") {
      // The queue was deleted since it was declared.
      this.#declared = new WeakMap();
      if ((await send()) === "unroutable") {
        throw new BrokerError(
          "AMQP_UNROUTABLE",
          `no queue is bound to "${exchange}" for ${routingKey}`,
        );
      }
    }
  }

  async sendReply(
    target: ReplyTarget,
    uniqueId: string,
    outcome: Outcome,
    options: ReplyOptions = {},
  ): Promise<"sent" | "undeliverable"> {
    if (this.#gone.has(target.replyQueue)) {
      return "undeliverable";
    }
    const message = encodeReply(target, uniqueId, outcome);
    const untilMs = this.#untilMs(target);
    let isMissing = false;
    while ((await this.#publishTo(target, message)) === "unroutable") {
      if (!isMissing) {
        isMissing = true;
        options.onMissingQueue?.();
      }
      if (Date.now() >= untilMs || this.#gone.has(target.replyQueue)) {
        this.#gone.add(target.replyQueue);
        this.#options.logger.warn("reply undeliverable", {
          replyQueue: target.replyQueue,
          msgId: target.msgId,
        });
        return "undeliverable";
      }
      await this.#pause();
    }
    return "sent";
  }

  async sendHeartbeat(target: ReplyTarget): Promise<boolean> {
    const fate = await this.#publishTo(target, encodeHeartbeat(target));
    return fate === "confirmed";
  }

  /** Ends the waiting for reply queues; the publisher is its owner's to dispose. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.resolve();
  }

  #untilMs({ deadlineMs }: ReplyTarget): number {
    const patience =
      Date.now() + (this.#options.missingQueueRetryMs ?? LATE_REPLY_MS);
    return Math.min(patience, (deadlineMs ?? Infinity) + LATE_REPLY_MS);
  }

  async #publishTo(
    target: ReplyTarget,
    message: ReturnType<typeof encodeReply>,
  ): Promise<Fate> {
    return await this.#options.publisher.publish({
      exchange: "",
      routingKey: target.replyQueue,
      message,
      mandatory: true,
    });
  }

  async #pause(): Promise<void> {
    try {
      await sleep(RETRY_MS, undefined, { signal: this.#stop.signal });
    } catch (error) {
      throw new BrokerError("AMQP_CLOSED", "the daemon stops", {
        cause: error,
      });
    }
  }

  async #declareOnce(
    session: AmqpSession,
    exchange: string,
    key: string,
  ): Promise<void> {
    const byKey =
      this.#declared.get(session) ?? new Map<string, Promise<void>>();
    this.#declared.set(session, byKey);
    const { flags, logger, notifications } = this.#options;
    const declared =
      byKey.get(key) ??
      declareNotifications(
        session,
        { exchange, key },
        { flags, withQueue: notifications.declareQueue },
        logger,
      );
    byKey.set(key, declared);
    try {
      await declared;
    } catch (error) {
      byKey.delete(key);
      throw error;
    }
  }
}
