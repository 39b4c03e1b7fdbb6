import type { ConsumeMessage } from "amqplib";
import type { AmqpSession } from "./amqp-session.ts";
import { type Verdict, dispose, dispositionOf } from "./disposition.ts";
import type { JsonObject } from "./oslo-envelope.ts";

/** A message in our hands: settled once, on the channel it came on. */
export class Delivery {
  readonly message: ConsumeMessage;
  /** Aborted when the channel is gone, which gives the message back. */
  readonly signal: AbortSignal;
  /** The user we are to the broker. */
  readonly ownUser: string;
  readonly #session: AmqpSession;
  #isSettled = false;

  constructor(session: AmqpSession, message: ConsumeMessage) {
    this.#session = session;
    this.message = message;
    this.signal = session.signal;
    this.ownUser = session.username;
  }

  get headers(): JsonObject {
    return this.message.properties.headers ?? {};
  }

  /** Tells the broker, the first time; later verdicts change nothing. */
  settle(verdict: Verdict): void {
    if (!this.#isSettled) {
      this.#isSettled = true;
      dispose(this.#session.channel, this.message, dispositionOf(verdict));
    }
  }
}
