import { readFileSync } from "node:fs";
import { BrokerError } from "./broker-error.ts";

/** One broker to connect to; those of a URL share the vhost. */
export interface AmqpEndpoint {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
  /** Null: plain TCP. */
  readonly tls: { readonly ca: string | null } | null;
}

/** What a URL leaves out. */
export interface AmqpCredentials {
  /** Takes the place of the user in the URL. */
  readonly username?: string | null | undefined;
  /** Takes the place of the password in the URL. */
  readonly password?: string | null | undefined;
  /** PEM file with the authorities to trust instead of the system's; for `amqps`. */
  readonly caFile?: string | null | undefined;
}

const ENTRY =
  /^(?:(?<user>[^:@]*)(?::(?<password>[^@]*))?@)?(?<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(?<port>\d{1,5}))?$/u;

function invalid(what: string): BrokerError {
  return new BrokerError(
    "AMQP_URL",
    `${what}; expected amqp[s]://user:password@host:port[,host:port...]/vhost with special characters percent-encoded`,
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new BrokerError(
      "AMQP_URL",
      "user, password or vhost of the broker URL is not percent-encoded properly",
      { cause: error },
    );
  }
}

function authorities(caFile: string): string {
  try {
    return readFileSync(caFile, "utf8");
  } catch (error) {
    throw new BrokerError("AMQP_CA", `cannot read the CA file ${caFile}`, {
      cause: error,
    });
  }
}

function splitUrl(url: string): {
  isTls: boolean;
  entries: string[];
  vhost: string;
} {
  const scheme = /^(?<name>[a-z]+):\/\//u.exec(url)?.groups?.["name"] ?? "amqp";
  if (!["amqp", "amqps", "rabbit"].includes(scheme)) {
    throw invalid(`the scheme "${scheme}" of the broker URL is unknown`);
  }
  const rest = url
    .replace(/^[a-z]+:\/\//u, "")
    .replaceAll(/,\s*(?:amqps?|rabbit):\/\//gu, ",");
  const slash = rest.indexOf("/");
  const authority = slash === -1 ? rest : rest.slice(0, slash);
  const path = slash === -1 ? "" : rest.slice(slash + 1);
  if (path.includes("?") || path.includes(",")) {
    throw invalid("the broker URL has something after the vhost");
  }
  const vhost = decoded(path) || "/";
  return {
    isTls: scheme === "amqps",
    entries: authority.split(",").map((entry) => entry.trim()),
    vhost,
  };
}

function address(
  groups: Readonly<Record<string, string | undefined>>,
  isTls: boolean,
): { host: string; port: number } {
  const port = Number(groups["port"] ?? (isTls ? 5671 : 5672));
  if (port < 1 || port > 65_535) {
    throw invalid(`port ${port} of the broker URL is out of range`);
  }
  return { host: (groups["host"] ?? "").replaceAll(/[[\]]/gu, ""), port };
}

/**
 * Reads a broker URL in oslo's form: several hosts, each with or without its own user, one vhost (empty means "/").
 * A host without a user takes the first one given. Errors never repeat the URL, which may hold a password.
 */
export function parseAmqpUrl(
  url: string,
  credentials: AmqpCredentials = {},
): readonly AmqpEndpoint[] {
  const { isTls, entries, vhost } = splitUrl(url);
  const parsed = entries.map((entry) => {
    const groups = ENTRY.exec(entry)?.groups;
    if (groups === undefined) {
      throw invalid("a host of the broker URL cannot be read");
    }
    return groups;
  });
  const named = parsed.find((groups) => groups["user"] !== undefined);
  const { caFile } = credentials;
  const ca =
    caFile === undefined || caFile === null ? null : authorities(caFile);
  return parsed.map((groups) => {
    const source = groups["user"] === undefined ? named : groups;
    const username =
      credentials.username ?? decoded(source?.["user"] ?? "guest");
    const password =
      credentials.password ?? decoded(source?.["password"] ?? "guest");
    return {
      ...address(groups, isTls),
      username,
      password,
      vhost,
      tls: isTls ? { ca } : null,
    };
  });
}
