import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "amqplib";
import { NotificationListener } from "../../cli/notification-listener.ts";
import { type Fields, fieldsOf, textOf } from "../../cli/output/fields.ts";

/** The notifications as a subscriber on the bus sees them. */
export class EventLog implements AsyncDisposable {
  readonly #events: Fields[] = [];
  readonly #listener: NotificationListener;
  readonly #ended = new AbortController();
  readonly #reading: Promise<void>;

  private constructor(listener: NotificationListener) {
    this.#listener = listener;
    this.#reading = this.#read();
  }

  /** Subscribes, so that nothing after this is missed. */
  static async open(options: {
    readonly url: string;
    readonly exchange: string;
    readonly topic: string;
  }): Promise<EventLog> {
    await declareExchange(options.url, options.exchange);
    return new EventLog(await NotificationListener.open(options));
  }

  /** How many events of each type came, most frequent first. */
  countByType(): readonly (readonly [type: string, count: number])[] {
    const groups = Object.groupBy(this.#events, typeOf);
    return Object.entries(groups)
      .map(([type, events]) => [type, events?.length ?? 0] as const)
      .toSorted((one, other) => other[1] - one[1]);
  }

  /** Payloads of one type that have all these facts. */
  payloads(type: string, facts: Fields = {}): readonly Fields[] {
    return this.#events
      .filter((event) => typeOf(event) === type)
      .map((event) => fieldsOf(event["payload"]))
      .filter((payload) =>
        Object.entries(facts).every(([key, value]) => payload[key] === value),
      );
  }

  /** Waits until at least `count` such events came; false if they did not in ten seconds. */
  async has(type: string, facts: Fields, count = 1): Promise<boolean> {
    const deadline = performance.now() + 10_000;
    while (this.payloads(type, facts).length < count) {
      if (performance.now() > deadline) {
        return false;
      }
      await sleep(20);
    }
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#reading;
    await this.#listener[Symbol.asyncDispose]();
  }

  async #read(): Promise<void> {
    const { signal } = this.#ended;
    for await (const event of this.#listener.notifications({ signal })) {
      this.#events.push(fieldsOf(event));
    }
  }
}

/* As oslo's listeners do, so that a subscriber may come before the first publisher. */
async function declareExchange(url: string, exchange: string): Promise<void> {
  const connection = await connect(url);
  try {
    const channel = await connection.createChannel();
    await channel.assertExchange(exchange, "topic", { durable: false });
  } finally {
    await connection.close();
  }
}

function typeOf(event: Fields): string {
  return textOf(event["event_type"]);
}
