import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll } from "@jest/globals";
import type { RpcHandler } from "../../daemon/consumers/rpc-request.ts";
import { type RawBroker, openRawBroker } from "./raw-broker.ts";
import { type RpcRig, type RpcRigOptions, startRpcRig } from "./rpc-rig.ts";
import { useRabbitmq } from "./use-rabbitmq.ts";

/** Servers, a raw channel and a reply queue of one test. */
export interface RpcBench {
  readonly url: string;
  readonly exchange: string;
  /** Topic of the server started last. */
  readonly topic: string;
  readonly raw: RawBroker;
  readonly replies: readonly Record<string, unknown>[];
  ctl(...args: string[]): Promise<string>;
  start(
    handlers: Readonly<Record<string, RpcHandler>>,
    options?: Partial<RpcRigOptions>,
  ): Promise<RpcRig>;
  /** A call whose answer comes to `replies`. */
  call(method: string, args?: object, extra?: object): Record<string, unknown>;
  send(message: object, options?: object): void;
}

/** An answer as a handler gives it. */
export function answer(result: unknown) {
  return { kind: "answer", outcome: { kind: "result", result } } as const;
}

/** The failure in a reply, decoded. */
export function failureOf(
  reply: Record<string, unknown> | undefined,
): Record<string, unknown> {
  const failure = reply?.["failure"];
  return JSON.parse(typeof failure === "string" ? failure : "null") as Record<
    string,
    unknown
  >;
}

/** A vhost of the file's own; what a test starts ends with it. */
export function useRpcBench(): RpcBench {
  const broker = useRabbitmq();
  const exchange = "control";
  const started: RpcRig[] = [];
  let raw: RawBroker;
  let topic = "";
  let replyQueue = "";
  let replies: readonly Record<string, unknown>[] = [];

  beforeAll(async () => {
    raw = await openRawBroker(broker.url);
  });
  afterEach(async () => {
    for (const rig of started.splice(0)) {
      await rig[Symbol.asyncDispose]();
    }
  });
  afterAll(async () => {
    await raw[Symbol.asyncDispose]();
  });

  return {
    exchange,
    get url() {
      return broker.url;
    },
    get topic() {
      return topic;
    },
    get raw() {
      return raw;
    },
    get replies() {
      return replies;
    },
    ctl: async (...args) => await broker.ctl(...args),
    start: async (handlers, options = {}) => {
      topic = options.topic ?? `t-${randomUUID().slice(0, 8)}`;
      replyQueue = `reply_${randomUUID().replaceAll("-", "")}`;
      replies = await raw.replies(replyQueue);
      const rig = await startRpcRig({
        url: broker.url,
        exchange,
        topic,
        handlers,
        ...options,
      });
      started.push(rig);
      return rig;
    },
    call: (method, args = {}, extra = {}) => ({
      method,
      args,
      _msg_id: randomUUID(),
      _reply_q: replyQueue,
      _timeout: null,
      _unique_id: randomUUID(),
      ...extra,
    }),
    send: (message, options = {}) =>
      raw.publish(exchange, topic, message, options),
  };
}
