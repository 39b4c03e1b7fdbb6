import type {
  ChannelModel,
  ConfirmChannel,
  ConsumeMessage,
  Options,
} from "amqplib";
import {
  closeConnection,
  replyCode,
} from "../daemon/consumers/amqp-connect.ts";
import { withChannel } from "../daemon/consumers/amqp-session.ts";
import {
  type JsonObject,
  openEnvelope,
  sealEnvelope,
} from "../daemon/consumers/oslo-envelope.ts";
import { newUniqueId } from "../daemon/consumers/oslo-reply.ts";
import { type BrokerAddress, connectAny } from "./connect-any.ts";
import { ReplyWaiter } from "./reply-waiter.ts";
import { RpcUnansweredError } from "./rpc-errors.ts";

/** Where the daemons listen. */
export interface RpcClientOptions extends BrokerAddress {
  readonly exchange: string;
  readonly topic: string;
}

/** Whom a request goes to and on whose behalf. */
export interface RequestOptions {
  /** The request context: `project_id`, `is_admin`, ... */
  readonly context?: JsonObject;
  /** `<backend>` or `<node>@<backend>`; left out: any daemon. */
  readonly server?: string | undefined;
}

/** How long a call waits. */
export interface CallOptions extends RequestOptions {
  readonly timeoutMs: number;
  /** Asks for heartbeats; without one for so long, the call fails before `timeoutMs`. */
  readonly monitorTimeoutS?: number;
  readonly onHeartbeat?: () => void;
  readonly signal?: AbortSignal;
}

const REPLY_QUEUE_EXPIRES_MS = 1_800_000;
/** Replies hold lists, and are from our own daemon. */
const REPLY_LIMITS = {
  maxBytes: 16 * 1024 * 1024,
  maxDepth: 32,
  maxItems: 1_000_000,
};

/** Calls daemons as oslo's RPC clients do; one connection, not recovering, for a tool that runs once. */
export class RpcClient implements AsyncDisposable {
  readonly #connection: ChannelModel;
  readonly #channel: ConfirmChannel;
  readonly #options: RpcClientOptions;
  readonly #replyQueue = `reply_${newUniqueId()}`;
  readonly #waiting = new Map<string, ReplyWaiter>();
  readonly #returned = new Set<string>();

  private constructor(
    connection: ChannelModel,
    channel: ConfirmChannel,
    options: RpcClientOptions,
  ) {
    this.#connection = connection;
    this.#channel = channel;
    this.#options = options;
  }

  /** Connects to the first host that accepts; fails with `AMQP_AUTH`, `AMQP_VHOST`, `AMQP_CONNECT` or `RPC_NO_SERVER`. */
  static async connect(options: RpcClientOptions): Promise<RpcClient> {
    const connection = await connectAny(options);
    try {
      await checkExchange(connection, options);
      const channel = await connection.createConfirmChannel();
      channel.on("error", () => {});
      const client = new RpcClient(connection, channel, options);
      await client.#listen();
      return client;
    } catch (error) {
      await closeConnection(connection);
      throw error;
    }
  }

  /** The method's result; rejects with an `RpcRemoteError` or an `RpcUnansweredError`. */
  async call(
    method: string,
    args: JsonObject,
    options: CallOptions,
  ): Promise<unknown> {
    const msgId = newUniqueId();
    const waiter = new ReplyWaiter(method, options);
    this.#waiting.set(msgId, waiter);
    try {
      const request = {
        _msg_id: msgId,
        _reply_q: this.#replyQueue,
        _timeout: options.monitorTimeoutS ?? null,
      };
      const sent = this.#send(method, args, options, request, {
        expiration: options.timeoutMs,
      });
      return await Promise.race([waiter.reply, sent.then(() => waiter.reply)]);
    } finally {
      waiter.stop();
      this.#waiting.delete(msgId);
    }
  }

  /** Leaves a request with the broker; nobody answers it. */
  async cast(
    method: string,
    args: JsonObject,
    options: RequestOptions = {},
  ): Promise<void> {
    await this.#send(method, args, options, {}, {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeConnection(this.#connection);
  }

  async #listen(): Promise<void> {
    this.#channel.on("return", ({ properties }) => {
      this.#returned.add(String(properties.messageId));
    });
    this.#channel.on("close", () => {
      const closed = lost(null);
      for (const waiter of this.#waiting.values()) {
        waiter.fail(closed);
      }
    });
    // Exclusive, so that brokers which refuse shared transient queues (RabbitMQ 4.3) take it.
    await this.#channel.assertQueue(this.#replyQueue, {
      durable: false,
      exclusive: true,
      expires: REPLY_QUEUE_EXPIRES_MS,
    });
    await this.#channel.consume(
      this.#replyQueue,
      (message) => this.#receive(message),
      { noAck: true },
    );
  }

  #receive(message: ConsumeMessage | null): void {
    if (message === null) {
      return;
    }
    try {
      const reply = openEnvelope(message.content, {}, REPLY_LIMITS);
      this.#waiting.get(String(reply["_msg_id"]))?.receive(reply);
    } catch {
      // Not an answer to anything; whoever waits times out.
    }
  }

  async #send(
    method: string,
    args: JsonObject,
    { context, server }: RequestOptions,
    address: JsonObject,
    properties: { readonly expiration?: number },
  ): Promise<void> {
    const { exchange, topic } = this.#options;
    const uniqueId = newUniqueId();
    const contextKeys = Object.entries(context ?? {}).map(
      ([key, value]) => [`_context_${key}`, value] as const,
    );
    const { content, options } = sealEnvelope({
      method,
      args,
      version: "1.0",
      ...address,
      _unique_id: uniqueId,
      ...Object.fromEntries(contextKeys),
    });
    const routingKey = server === undefined ? topic : `${topic}.${server}`;
    await this.#confirm(exchange, routingKey, content, {
      ...options,
      ...properties,
      mandatory: true,
      messageId: uniqueId,
    });
    if (this.#returned.delete(uniqueId)) {
      throw noServer(`on "${routingKey}"`);
    }
  }

  async #confirm(
    exchange: string,
    routingKey: string,
    content: Buffer,
    options: Options.Publish,
  ): Promise<void> {
    const confirmed = Promise.withResolvers<void>();
    const settle = (error: unknown) => {
      if (error instanceof Error) {
        confirmed.reject(lost(error));
      } else {
        confirmed.resolve();
      }
    };
    try {
      this.#channel.publish(exchange, routingKey, content, options, settle);
    } catch (error) {
      settle(error);
    }
    await confirmed.promise;
  }
}

function lost(cause: unknown): RpcUnansweredError {
  return new RpcUnansweredError(
    "RPC_CLOSED",
    "the connection to the broker was lost; whether the request was served is unknown",
    { cause },
  );
}

function noServer(where: string, options?: ErrorOptions): RpcUnansweredError {
  return new RpcUnansweredError(
    "RPC_NO_SERVER",
    `no ivcd is listening ${where}; check that ivcd runs and that exchange, topic and vhost are the same`,
    options,
  );
}

async function checkExchange(
  connection: ChannelModel,
  { exchange }: RpcClientOptions,
): Promise<void> {
  try {
    await withChannel(
      connection,
      async (channel) => await channel.checkExchange(exchange),
    );
  } catch (error) {
    if (replyCode(error) === 404) {
      throw noServer(`(there is no exchange "${exchange}")`, { cause: error });
    }
    throw error;
  }
}
