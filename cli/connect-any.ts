import type { ChannelModel } from "amqplib";
import {
  closeConnection,
  openConnection,
} from "../daemon/consumers/amqp-connect.ts";
import {
  type AmqpCredentials,
  parseAmqpUrl,
} from "../daemon/consumers/amqp-endpoint.ts";

/** The broker to connect to. */
export interface BrokerAddress extends AmqpCredentials {
  /** One or several hosts: `amqp://u:p@h1,u:p@h2/vhost`. */
  readonly url: string;
  readonly connectTimeoutMs?: number;
  /** Ends the waiting for a connection. */
  readonly signal?: AbortSignal;
}

/** Connects to the first host that accepts; fails as the last one did, with `AMQP_AUTH`, `AMQP_VHOST` or `AMQP_CONNECT`. */
export async function connectAny(
  address: BrokerAddress,
): Promise<ChannelModel> {
  const { connectTimeoutMs, signal } = address;
  let failure: unknown;
  for (const endpoint of parseAmqpUrl(address.url, address)) {
    try {
      const opening = openConnection(endpoint, {
        name: "ivc",
        ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
      });
      const connection = await unlessAborted(opening, signal);
      // Unheard, an error would end the process; its `close` tells as well.
      connection.on("error", () => {});
      return connection;
    } catch (error) {
      signal?.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}

async function unlessAborted(
  opening: Promise<ChannelModel>,
  signal: AbortSignal | undefined,
): Promise<ChannelModel> {
  if (signal === undefined) {
    return await opening;
  }
  const aborted = Promise.withResolvers<never>();
  const abort = () => {
    aborted.reject(signal.reason as Error);
    opening
      .then(async (connection) => await closeConnection(connection))
      .catch(() => {});
  };
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) {
    abort();
  }
  try {
    return await Promise.race([opening, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
