import type { Options } from "amqplib";
import type { Logger } from "../logger.ts";
import type { AmqpSession } from "./amqp-session.ts";
import { declareExchange, declareQueue } from "./declare-entity.ts";

/** The deployment's `[oslo_messaging_rabbit]` options that decide how shared exchanges and queues are declared. */
export interface OsloFlags {
  /** `amqp_durable_queues` */
  readonly durableQueues: boolean;
  /** `rabbit_quorum_queue` */
  readonly quorumQueue: boolean;
  /** `rabbit_transient_quorum_queue` */
  readonly transientQuorumQueue: boolean;
}

/** Where a daemon listens. */
export interface RpcTopology {
  /** The control exchange, shared with other services. */
  readonly exchange: string;
  readonly topic: string;
  readonly node: string;
  readonly backends: readonly string[];
  readonly flags: OsloFlags;
}

/** The queues to consume, once declared. */
export interface RpcQueues {
  readonly requests: readonly string[];
  /** Calls whose caller's time ran out before anybody took them. */
  readonly expired: string;
}

const DELIVERY_LIMIT = 20;
const DEAD_LETTERS_KEPT = 10_000;

/** True where oslo declares the control exchange, topic queues and notification queues durable. */
export function isDurable(flags: OsloFlags): boolean {
  return flags.durableQueues || flags.quorumQueue;
}

/** Queue and routing key for requests that any daemon serving the backend may take. */
export function backendKey(topic: string, backend: string): string {
  return `${topic}.${backend}`;
}

/** Ours alone, so never transient: what was confirmed to a caller survives a restart and a lost node of the broker. */
function topicQueue(topic: string): Options.AssertQueue & { durable: boolean } {
  return {
    durable: true,
    arguments: {
      "x-queue-type": "quorum",
      "x-delivery-limit": DELIVERY_LIMIT,
      "x-dead-letter-exchange": `${topic}.dead`,
      "x-dead-letter-strategy": "at-least-once",
      // Without it, at-least-once falls back to at-most-once.
      "x-overflow": "reject-publish",
    },
  };
}

/**
 * Where rejected requests go. Expired calls are kept apart by the reason that the broker writes into their header, so
 * that they do not bury what a person has to look at.
 */
async function declareDeadLetters(
  session: AmqpSession,
  topic: string,
  logger: Logger,
): Promise<void> {
  const [dead, expired] = [`${topic}.dead`, `${topic}.expired`];
  await declareExchange(session, dead, "headers", { durable: true }, logger);
  for (const queue of [dead, expired]) {
    const options = {
      durable: true,
      arguments: {
        "x-queue-type": "quorum",
        "x-max-length": DEAD_LETTERS_KEPT,
      },
    };
    await declareQueue(session, queue, options, logger);
  }
  const reasons = ["rejected", "delivery_limit", "maxlen"] as const;
  await session.probe(async (channel) => {
    for (const reason of reasons) {
      await bindReason(channel, dead, dead, reason);
    }
    await bindReason(channel, expired, dead, "expired");
  });
}

async function bindReason(
  channel: AmqpSession["channel"],
  queue: string,
  exchange: string,
  reason: string,
): Promise<void> {
  // Plain "all" ignores headers that begin with x-.
  await channel.bindQueue(queue, exchange, "", {
    "x-match": "all-with-x",
    "x-first-death-reason": reason,
  });
}

/** A queue of this connection alone for what is said to every daemon; it goes with the connection. */
async function declareFanout(
  session: AmqpSession,
  { topic, flags }: RpcTopology,
  logger: Logger,
): Promise<string> {
  const exchange = `${topic}_fanout`;
  const options = { durable: flags.transientQuorumQueue, autoDelete: true };
  // A name of the connection's own: another one could still hold a fixed name, and a random one would be left behind by
  // each channel that is set up anew.
  const queue = `${topic}_fanout_${session.connectionId}`;
  await declareExchange(session, exchange, "fanout", options, logger);
  await session.channel.assertQueue(queue, {
    durable: false,
    exclusive: true,
  });
  await session.channel.bindQueue(queue, exchange, topic);
  return queue;
}

/** Declares and binds everything a daemon listens on. */
export async function declareRpcTopology(
  session: AmqpSession,
  topology: RpcTopology,
  logger: Logger,
): Promise<RpcQueues> {
  const { exchange, topic, node, backends, flags } = topology;
  const durable = isDurable(flags);
  await declareExchange(session, exchange, "topic", { durable }, logger);
  await declareDeadLetters(session, topic, logger);
  const shared = [
    topic,
    ...backends.map((backend) => backendKey(topic, backend)),
    ...backends.map((backend) => backendKey(topic, `${node}@${backend}`)),
  ];
  for (const queue of shared) {
    await declareQueue(session, queue, topicQueue(topic), logger);
    await session.channel.bindQueue(queue, exchange, queue);
  }
  const fanout = await declareFanout(session, topology, logger);
  return { requests: [...shared, fanout], expired: `${topic}.expired` };
}

/**
 * Declares the notification exchange and, as oslo's notifier does, the queue named like the routing key, so that
 * nothing is lost before somebody listens.
 */
export async function declareNotifications(
  session: AmqpSession,
  target: { readonly exchange: string; readonly key: string },
  options: { readonly flags: OsloFlags; readonly withQueue: boolean },
  logger: Logger,
): Promise<void> {
  const { exchange, key } = target;
  const durable = isDurable(options.flags);
  await declareExchange(session, exchange, "topic", { durable }, logger);
  if (!options.withQueue) {
    return;
  }
  const quorum = { arguments: { "x-queue-type": "quorum" } };
  await declareQueue(
    session,
    key,
    { durable, ...(options.flags.quorumQueue && quorum) },
    logger,
  );
  await session.probe(
    async (channel) => await channel.bindQueue(key, exchange, key),
  );
}
