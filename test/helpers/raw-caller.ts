import { randomUUID } from "node:crypto";
import { eventually } from "./eventually.ts";
import { openRawBroker, type RawBroker } from "./raw-broker.ts";
import { failureOf } from "./rpc-bench.ts";

/** A message's body, or a reply's. */
export type RawBody = Record<string, unknown>;

/** Calls daemons message by message, for what no client of oslo would send. */
export class RawCaller implements AsyncDisposable {
  readonly broker: RawBroker;
  readonly #target: { readonly exchange: string; readonly topic: string };
  readonly #replyQueue: string;
  readonly #replies: readonly RawBody[];

  private constructor(
    broker: RawBroker,
    target: { readonly exchange: string; readonly topic: string },
    replyQueue: string,
    replies: readonly RawBody[],
  ) {
    this.broker = broker;
    this.#target = target;
    this.#replyQueue = replyQueue;
    this.#replies = replies;
  }

  static async open(target: {
    readonly amqpUrl: string;
    readonly exchange: string;
    readonly topic: string;
  }): Promise<RawCaller> {
    const broker = await openRawBroker(target.amqpUrl);
    const replyQueue = `reply_${randomUUID().replaceAll("-", "")}`;
    const replies = await broker.replies(replyQueue);
    return new RawCaller(broker, target, replyQueue, replies);
  }

  /** A call of `create_volume` that is right, but for `args` and `more`. */
  body(args: object, more: object = {}): RawBody {
    return {
      method: "create_volume",
      version: "1.0",
      args,
      _msg_id: randomUUID().replaceAll("-", ""),
      _reply_q: this.#replyQueue,
      _unique_id: randomUUID().replaceAll("-", ""),
      _context_project_id: "project-a",
      ...more,
    };
  }

  publish(body: Buffer | string | object, options = {}): void {
    const { exchange, topic } = this.#target;
    this.broker.publish(exchange, topic, body, options);
  }

  /** Final answers to a call so far. */
  repliesTo(body: RawBody): readonly RawBody[] {
    return this.#replies.filter(
      (reply) =>
        reply["_msg_id"] === body["_msg_id"] && reply["ending"] === true,
    );
  }

  /** Sends a call and waits for the failure that answers it. */
  async failure(body: RawBody): Promise<RawBody> {
    this.publish(body);
    return await this.failureOf(body);
  }

  /** Waits for the failure that answers a call. */
  async failureOf(body: RawBody): Promise<RawBody> {
    await eventually("the answer", () => this.repliesTo(body).length > 0);
    return failureOf(this.repliesTo(body)[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker[Symbol.asyncDispose]();
  }
}

/** `CODE: message` of the failure that a call ends with. */
export async function codeOf(request: Promise<unknown>): Promise<string> {
  try {
    await request;
    return "no failure";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
