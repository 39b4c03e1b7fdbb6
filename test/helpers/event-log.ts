import { setTimeout as sleep } from "node:timers/promises";
import amqp, { type ChannelModel, type ConsumeMessage } from "amqplib";
import { eventually } from "./eventually.ts";
import { opened } from "./raw-broker.ts";

/** A notification as a subscriber gets it. */
export interface SeenEvent {
  readonly messageId: string;
  readonly uniqueId: string;
  readonly type: string;
  readonly payload: Readonly<Record<string, unknown>>;
  /** The whole body. */
  readonly text: string;
}

/** Where to subscribe. */
export interface EventLogOptions {
  readonly url: string;
  readonly exchange: string;
  readonly topic: string;
  /** Queue and exchange outlive the broker. */
  readonly durable?: boolean;
}

/** A subscriber of the daemons' notifications, with a queue of its own. It comes back when the broker does. */
export class EventLog implements AsyncDisposable {
  readonly #options: EventLogOptions;
  readonly #queue = `events-${crypto.randomUUID()}`;
  /** In the order they came, repetitions included. */
  readonly received: SeenEvent[] = [];
  /** Called with each event at the moment it comes. */
  onEvent: (event: SeenEvent) => void = () => {};
  #connection: ChannelModel | null = null;
  #isEnded = false;

  private constructor(options: EventLogOptions) {
    this.#options = options;
  }

  /** Resolves when nothing from now on is missed. */
  static async open(options: EventLogOptions): Promise<EventLog> {
    const log = new EventLog(options);
    await log.#connect();
    return log;
  }

  /** Each event once, whatever was delivered twice. */
  distinct(
    type?: string,
    facts: Readonly<Record<string, unknown>> = {},
  ): readonly SeenEvent[] {
    const byId = new Map(this.received.map((each) => [each.messageId, each]));
    return [...byId.values()].filter(
      (each) =>
        (type === undefined || each.type === type) &&
        Object.entries(facts).every(
          ([key, want]) => each.payload[key] === want,
        ),
    );
  }

  /** The hits and misses of these volumes: the type of each, and how many different events told it. */
  lookups(volumeIds: readonly string[]): Record<"hit" | "miss", number> {
    const count = (type: string) =>
      this.distinct(`image_volume_cache.${type}`).filter((each) =>
        volumeIds.includes(String(each.payload["volume_id"])),
      ).length;
    return { hit: count("hit"), miss: count("miss") };
  }

  /** Waits until at least `count` different such events came. */
  async has(
    type: string,
    facts: Readonly<Record<string, unknown>>,
    count = 1,
  ): Promise<readonly SeenEvent[]> {
    await eventually(
      `${count} ${type} ${JSON.stringify(facts)}`,
      () => this.distinct(type, facts).length >= count,
    );
    return this.distinct(type, facts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnded = true;
    await this.#connection?.close().catch(() => {});
  }

  async #connect(): Promise<void> {
    const { url, exchange, topic, durable = false } = this.#options;
    const connection = await amqp.connect(url, { timeout: 5000 });
    connection.on("error", () => {});
    connection.on("close", () => {
      void this.#reconnect();
    });
    const channel = await connection.createChannel();
    channel.on("error", () => {});
    await channel.assertExchange(exchange, "topic", { durable });
    await channel.assertQueue(this.#queue, { durable, exclusive: !durable });
    for (const priority of ["info", "error"]) {
      await channel.bindQueue(this.#queue, exchange, `${topic}.${priority}`);
    }
    await channel.consume(this.#queue, (message) => {
      if (message !== null) {
        this.#note(message);
        channel.ack(message);
      }
    });
    this.#connection = connection;
  }

  async #reconnect(): Promise<void> {
    while (!this.#isEnded) {
      try {
        await this.#connect();
        return;
      } catch {
        await sleep(500);
      }
    }
  }

  #note({ content }: ConsumeMessage): void {
    const body = opened(content);
    const event = {
      messageId: String(body["message_id"]),
      uniqueId: String(body["_unique_id"]),
      type: String(body["event_type"]),
      payload: (body["payload"] ?? {}) as Record<string, unknown>,
      text: content.toString(),
    };
    this.received.push(event);
    this.onEvent(event);
  }
}
