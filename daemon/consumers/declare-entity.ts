import type { Options } from "amqplib";
import type { Logger } from "../logger.ts";
import { replyCode } from "./amqp-connect.ts";
import type { AmqpSession } from "./amqp-session.ts";

const PRECONDITION_FAILED = 406;
const DIFFERENCE =
  /inequivalent arg '(?<argument>[^']+)'.*?received (?<received>.+?) but current is (?<current>[^"]+)/u;

const hints: Readonly<Record<string, string>> = {
  durable:
    "set durableQueues (oslo's amqp_durable_queues) or quorumQueue (rabbit_quorum_queue) as the other services have it",
  "x-queue-type":
    "set quorumQueue (oslo's rabbit_quorum_queue) as the other services have it",
  auto_delete: "oslo's amqp_auto_delete differs; it is not supported here",
};

function warnOfDifference(
  error: Error,
  entity: string,
  name: string,
  logger: Logger,
): void {
  const { argument, received, current } =
    DIFFERENCE.exec(error.message)?.groups ?? {};
  logger.warn("declared otherwise on the broker, taken as it is", {
    entity,
    name,
    argument: argument ?? "unknown",
    wanted: received,
    found: current?.trim(),
    hint:
      hints[argument ?? ""] ??
      "delete it while nobody uses it, to have it declared anew",
  });
}

type Step = (channel: AmqpSession["channel"]) => Promise<unknown>;

async function declare(
  session: AmqpSession,
  logger: Logger,
  entity: { readonly kind: "exchange" | "queue"; readonly name: string },
  steps: {
    readonly assert: Step;
    readonly check: Step;
  },
): Promise<void> {
  try {
    await session.probe(steps.assert);
  } catch (error) {
    if (replyCode(error) !== PRECONDITION_FAILED || !(error instanceof Error)) {
      throw error;
    }
    warnOfDifference(error, entity.kind, entity.name, logger);
    await session.probe(steps.check);
  }
}

/** Declares an exchange; one that exists with other flags is taken as it is, with a warning. */
export async function declareExchange(
  session: AmqpSession,
  name: string,
  type: "topic" | "fanout" | "headers",
  options: Options.AssertExchange & { readonly durable: boolean },
  logger: Logger,
): Promise<void> {
  await declare(
    session,
    logger,
    { kind: "exchange", name },
    {
      assert: async (channel) =>
        await channel.assertExchange(name, type, options),
      check: async (channel) => await channel.checkExchange(name),
    },
  );
}

/** Declares a queue; one that exists with other arguments is taken as it is, with a warning. */
export async function declareQueue(
  session: AmqpSession,
  name: string,
  options: Options.AssertQueue & { readonly durable: boolean },
  logger: Logger,
): Promise<void> {
  await declare(
    session,
    logger,
    { kind: "queue", name },
    {
      assert: async (channel) => await channel.assertQueue(name, options),
      check: async (channel) => await channel.checkQueue(name),
    },
  );
}
