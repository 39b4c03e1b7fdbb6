import { on } from "node:events";
import type { ChannelModel, ConfirmChannel, ConsumeMessage } from "amqplib";
import {
  closeConnection,
  replyCode,
} from "../daemon/consumers/amqp-connect.ts";
import { withChannel } from "../daemon/consumers/amqp-session.ts";
import {
  type JsonObject,
  openEnvelope,
} from "../daemon/consumers/oslo-envelope.ts";
import { newUniqueId } from "../daemon/consumers/oslo-reply.ts";
import { type BrokerAddress, connectAny } from "./connect-any.ts";
import { RpcUnansweredError } from "./rpc-errors.ts";

/** What to listen to. */
export interface NotificationListenerOptions extends BrokerAddress {
  readonly exchange: string;
  readonly topic: string;
  /** Lower case; default: info and error. */
  readonly priorities?: readonly string[];
}

/** Reads notifications as they are sent, by a queue of its own, so that none is taken away from Ceilometer. */
export class NotificationListener implements AsyncDisposable {
  readonly #connection: ChannelModel;
  readonly #channel: ConfirmChannel;
  readonly #deliveries: AsyncIterable<unknown[]>;
  readonly #ended = new AbortController();
  readonly #end = () => this.#ended.abort();

  private constructor(connection: ChannelModel, channel: ConfirmChannel) {
    this.#connection = connection;
    this.#channel = channel;
    // Before the first message can come.
    this.#deliveries = on(channel, "notification", {
      signal: this.#ended.signal,
    });
    channel.on("close", this.#end);
  }

  /** Resolves when every notification from now on will be read. */
  static async open(
    options: NotificationListenerOptions,
  ): Promise<NotificationListener> {
    const connection = await connectAny(options);
    try {
      await needExchange(connection, options.exchange);
      const channel = await connection.createConfirmChannel();
      channel.on("error", () => {});
      const listener = new NotificationListener(connection, channel);
      await listener.#listen(options);
      return listener;
    } catch (error) {
      await closeConnection(connection);
      throw error;
    }
  }

  /** Ends when `signal` is aborted; throws `RPC_CLOSED` when the connection is lost. What cannot be read is left out. */
  async *notifications({
    signal,
  }: {
    readonly signal: AbortSignal;
  }): AsyncGenerator<JsonObject, void> {
    signal.addEventListener("abort", this.#end, { once: true });
    try {
      signal.throwIfAborted();
      for await (const [message] of this.#deliveries) {
        const notification = read(message as ConsumeMessage);
        if (notification !== null) {
          yield notification;
        }
      }
    } catch (error) {
      if (!signal.aborted) {
        throw new RpcUnansweredError(
          "RPC_CLOSED",
          "the connection to the broker was lost",
          { cause: error },
        );
      }
    } finally {
      signal.removeEventListener("abort", this.#end);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeConnection(this.#connection);
  }

  async #listen({
    exchange,
    topic,
    priorities,
  }: NotificationListenerOptions): Promise<void> {
    const queue = `ivc_events_${newUniqueId()}`;
    await this.#channel.assertQueue(queue, {
      durable: false,
      exclusive: true,
      autoDelete: true,
    });
    for (const priority of priorities ?? ["info", "error"]) {
      await this.#channel.bindQueue(queue, exchange, `${topic}.${priority}`);
    }
    await this.#channel.consume(
      queue,
      (message) => {
        if (message === null) {
          this.#end();
        } else {
          this.#channel.emit("notification", message);
        }
      },
      { noAck: true },
    );
  }
}

function read(message: ConsumeMessage): JsonObject | null {
  try {
    return openEnvelope(message.content, message.properties.headers ?? {});
  } catch {
    return null;
  }
}

async function needExchange(
  connection: ChannelModel,
  exchange: string,
): Promise<void> {
  try {
    await withChannel(
      connection,
      async (channel) => await channel.checkExchange(exchange),
    );
  } catch (error) {
    if (replyCode(error) !== 404) {
      throw error;
    }
    throw new RpcUnansweredError(
      "RPC_NO_SERVER",
      `there is no exchange "${exchange}"; ivcd makes it with its first event, check telemetry.exchange`,
      { cause: error },
    );
  }
}
