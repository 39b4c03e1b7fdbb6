import { parseAmqpUrl } from "../../daemon/consumers/amqp-endpoint.ts";
import { ConfirmedPublisher } from "../../daemon/consumers/confirmed-publisher.ts";
import { OsloMessageSender } from "../../daemon/consumers/message-sender.ts";
import type { OsloFlags } from "../../daemon/consumers/oslo-topology.ts";
import type { RpcHandler } from "../../daemon/consumers/rpc-request.ts";
import { RpcServer } from "../../daemon/consumers/rpc-server.ts";
import { recordingLogger, type LogLine } from "./recording-logger.ts";

/** oslo's defaults. */
export const classicFlags: OsloFlags = {
  durableQueues: false,
  quorumQueue: false,
  transientQuorumQueue: false,
};

/** What a test sets apart from the usual. */
export interface RpcRigOptions {
  readonly url: string;
  readonly exchange: string;
  readonly topic: string;
  readonly handlers: Readonly<Record<string, RpcHandler>>;
  readonly backends?: readonly string[];
  readonly flags?: OsloFlags;
  readonly storeReady?: () => Promise<boolean>;
  readonly adminBrokerUsers?: readonly string[];
  readonly holdMs?: number;
  readonly missingQueueRetryMs?: number;
  readonly confirmTimeoutMs?: number;
  readonly maxBackoffMs?: number;
  /** False: the caller waits for it on its own. */
  readonly waitUntilReady?: boolean;
}

/** A daemon's messaging with a test's handlers. */
export interface RpcRig extends AsyncDisposable {
  readonly server: RpcServer;
  readonly sender: OsloMessageSender;
  readonly publisher: ConfirmedPublisher;
  readonly log: readonly LogLine[];
}

/** Starts server, sender and publisher. */
export async function startRpcRig(options: RpcRigOptions): Promise<RpcRig> {
  const { exchange, topic, flags = classicFlags } = options;
  const endpoints = parseAmqpUrl(options.url);
  const { logger, lines } = recordingLogger();
  const publisher = new ConfirmedPublisher({
    endpoints,
    name: "test:publish",
    logger,
    confirmTimeoutMs: options.confirmTimeoutMs ?? 10_000,
  });
  const sender = new OsloMessageSender({
    publisher,
    eventPublisher: publisher,
    logger,
    flags,
    notifications: {
      exchange: `${exchange}-events`,
      topic: `${topic}-notifications`,
      declareQueue: true,
    },
    missingQueueRetryMs: options.missingQueueRetryMs ?? 60_000,
  });
  const server = new RpcServer({
    endpoints,
    name: "test:consume",
    logger,
    topology: {
      exchange,
      topic,
      node: "node-1",
      backends: options.backends ?? ["here"],
      flags,
    },
    handlers: new Map(Object.entries(options.handlers)),
    sender,
    publisher,
    storeReady: options.storeReady ?? (async () => true),
    adminBrokerUsers: options.adminBrokerUsers ?? null,
    holdMs: options.holdMs ?? 30_000,
    storeRetryMs: 50,
    maxBackoffMs: options.maxBackoffMs ?? 500,
  });
  publisher.start();
  server.start();
  if (options.waitUntilReady !== false) {
    await server.ready(20_000);
  }
  return {
    server,
    sender,
    publisher,
    log: lines,
    [Symbol.asyncDispose]: async () => {
      await sender[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await publisher[Symbol.asyncDispose]();
    },
  };
}
