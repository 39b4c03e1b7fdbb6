import type { Logger } from "../logger.ts";
import type { AmqpEndpoint } from "./amqp-endpoint.ts";
import type { AmqpSession } from "./amqp-session.ts";

/** What an `AmqpLink` needs. */
export interface AmqpLinkOptions {
  readonly endpoints: readonly AmqpEndpoint[];
  readonly name: string;
  readonly logger: Logger;
  /** Declares and consumes; run on every new channel, before it counts as ready. */
  readonly setup: (session: AmqpSession) => Promise<void>;
  readonly connectTimeoutMs?: number;
  readonly heartbeatS?: number;
  readonly maxBackoffMs?: number;
  /** How long declaring and consuming may take; a broker that is electing leaders of queues may never answer. */
  readonly setupTimeoutMs?: number;
}
