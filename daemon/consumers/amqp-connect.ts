import amqp, { type ChannelModel } from "amqplib";
import type { AmqpEndpoint } from "./amqp-endpoint.ts";
import { BrokerError } from "./broker-error.ts";

/** How a connection is opened. */
export interface ConnectOptions {
  /** Shown by the broker's management tools. */
  readonly name: string;
  readonly connectTimeoutMs?: number;
  readonly heartbeatS?: number;
}

/** The broker's reply code (404, 406, 541, ...) that an error of amqplib carries; null when it has none. */
export function replyCode(error: unknown): number | null {
  const code: unknown =
    error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "number" ? code : null;
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const code: unknown = "code" in error ? error.code : undefined;
  // An AggregateError (a name with several addresses) has an empty message.
  if (error.message !== "") {
    return error.message;
  }
  return typeof code === "string" ? code : error.name;
}

/** Turns what amqplib throws into an error of ours; the password is in none of its texts. */
export function brokerError(error: unknown, where: string): BrokerError {
  if (error instanceof BrokerError) {
    return error;
  }
  const text = textOf(error);
  if (replyCode(error) === 403) {
    return new BrokerError(
      "AMQP_PERMISSION",
      `${where}: ${text}; grant the user configure, write and read on these names`,
      { cause: error },
    );
  }
  return new BrokerError("AMQP_CONNECT", `${where}: ${text}`, { cause: error });
}

function connectError(error: unknown, endpoint: AmqpEndpoint): BrokerError {
  const { host, port, username, vhost, tls } = endpoint;
  const where = `broker ${host}:${port}`;
  const text = textOf(error);
  if (/\b403\b|ACCESS.REFUSED/u.test(text)) {
    return new BrokerError(
      "AMQP_AUTH",
      `${where} refused the user "${username}"; check user and password`,
      { cause: error },
    );
  }
  if (/ConnectionOpenOk/u.test(text)) {
    return new BrokerError(
      "AMQP_VHOST",
      `${where} refused vhost "${vhost}" to "${username}"; create it or grant access (rabbitmqctl set_permissions)`,
      { cause: error },
    );
  }
  const protocol = tls === null ? "without TLS" : "with TLS";
  return new BrokerError("AMQP_CONNECT", `${where} (${protocol}): ${text}`, {
    cause: error,
  });
}

/** Opens one connection, or fails with `AMQP_AUTH`, `AMQP_VHOST` or `AMQP_CONNECT`. */
export async function openConnection(
  endpoint: AmqpEndpoint,
  options: ConnectOptions,
): Promise<ChannelModel> {
  const { host, port, username, password, vhost, tls } = endpoint;
  try {
    return await amqp.connect(
      {
        protocol: tls === null ? "amqp" : "amqps",
        hostname: host,
        port,
        username,
        password,
        // amqplib percent-decodes it, also in this form.
        vhost: encodeURIComponent(vhost),
        heartbeat: options.heartbeatS ?? 10,
      },
      {
        noDelay: true,
        timeout: options.connectTimeoutMs ?? 5000,
        clientProperties: { connection_name: options.name },
        ...(tls?.ca && { ca: [tls.ca] }),
      },
    );
  } catch (error) {
    throw connectError(error, endpoint);
  }
}

/** Closes a connection; one that does not answer is cut after `graceMs`, so that the process can end. */
export async function closeConnection(
  connection: ChannelModel,
  graceMs = 2000,
): Promise<void> {
  const inner = connection.connection as {
    readonly stream?: { destroy(): void };
  };
  const cut = setTimeout(() => inner.stream?.destroy(), graceMs);
  const patience = Promise.withResolvers<undefined>();
  const expiry = setTimeout(() => patience.resolve(undefined), graceMs + 500);
  try {
    await Promise.race([connection.close(), patience.promise]);
  } catch {
    // It was closed already.
  } finally {
    clearTimeout(cut);
    clearTimeout(expiry);
  }
}
