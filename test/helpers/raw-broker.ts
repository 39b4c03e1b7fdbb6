import amqp, {
  type Channel,
  type ConfirmChannel,
  type ConsumeMessage,
  type Options,
} from "amqplib";

/** A plain channel for tests that send what no client of oslo would send. */
export interface RawBroker extends AsyncDisposable {
  readonly channel: Channel;
  confirmChannel(): Promise<ConfirmChannel>;
  publish(
    exchange: string,
    routingKey: string,
    body: Buffer | string | object,
    options?: Options.Publish,
  ): void;
  /** Replies that came to a queue made for them, decoded. */
  replies(queue: string): Promise<readonly Record<string, unknown>[]>;
  /** Messages in a queue, ready ones only; null when there is no such queue. */
  depth(queue: string): Promise<number | null>;
  /** Takes one message; null when there is none. */
  take(queue: string): Promise<ConsumeMessage | null>;
}

/** An oslo envelope around a message. */
export function envelope(message: unknown, version = "2.0"): string {
  return JSON.stringify({
    "oslo.version": version,
    "oslo.message": JSON.stringify(message),
  });
}

/** The message in an envelope. */
export function opened(body: Buffer): Record<string, unknown> {
  const outer = JSON.parse(body.toString()) as Record<string, string>;
  return JSON.parse(outer["oslo.message"] ?? "null") as Record<string, unknown>;
}

/** Connects to the broker. */
export async function openRawBroker(url: string): Promise<RawBroker> {
  const connection = await amqp.connect(url);
  connection.on("error", () => {});
  const channel = await connection.createChannel();
  channel.on("error", () => {});
  return {
    channel,
    confirmChannel: async () => await connection.createConfirmChannel(),
    publish: (exchange, routingKey, body, options) => {
      const content =
        Buffer.isBuffer(body) || typeof body === "string"
          ? Buffer.from(body)
          : Buffer.from(envelope(body));
      channel.publish(exchange, routingKey, content, {
        contentType: "application/json",
        ...options,
      });
    },
    replies: async (queue) => {
      const received: Record<string, unknown>[] = [];
      await channel.assertQueue(queue, { durable: false, exclusive: true });
      await channel.consume(
        queue,
        (message) => {
          if (message !== null) {
            received.push(opened(message.content));
          }
        },
        { noAck: true },
      );
      return received;
    },
    depth: async (queue) => {
      const probe = await connection.createChannel();
      probe.on("error", () => {});
      try {
        return (await probe.checkQueue(queue)).messageCount;
      } catch {
        return null;
      } finally {
        await probe.close().catch(() => {});
      }
    },
    take: async (queue) => {
      const message = await channel.get(queue, { noAck: true });
      return message === false
        ? null
        : { ...message, fields: { ...message.fields, consumerTag: "" } };
    },
    [Symbol.asyncDispose]: async () => {
      await connection.close().catch(() => {});
    },
  };
}
