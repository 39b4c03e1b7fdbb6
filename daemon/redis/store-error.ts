import { DaemonError, StoreUnavailableError } from "../errors.ts";

/** Refusals that pass by themselves: the same command may be sent again soon. */
const passing = new Map([
  ["READONLY", "the server is a replica"],
  ["LOADING", "the server loads its data"],
  ["BUSY", "a script blocks the server"],
  ["CLUSTERDOWN", "the cluster is down"],
  ["TRYAGAIN", "the cluster moves slots"],
  ["MASTERDOWN", "the replica lost its primary"],
]);

/** Refusals that need a person. */
const lasting = new Map([
  ["OOM", "out of memory; raise maxmemory"],
  ["NOREPLICAS", "too few replicas for min-replicas-to-write"],
  ["MISCONF", "it cannot save its data; look at its disk and its log"],
  ["NOAUTH", "it wants a password"],
  ["WRONGPASS", "wrong user name or password"],
  ["NOPERM", "the ACL user lacks a permission: ~ivc:* &ivc:* +@all"],
  ["CROSSSLOT", "keys of several slots in one command"],
]);

const lostConnection =
  /Stream isn't writeable|Connection is closed|Command timed out|Socket timeout|max retries|ECONN[A-Z]*|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT/iu;

/** What became of a command: `again` says whether sending the same one again may help soon. */
export interface StoreFailure {
  readonly error: DaemonError;
  readonly again: boolean;
}

/**
 * The client library's error as one of ours. Its own message and fields are left out: they hold the whole command,
 * which may be an AUTH.
 */
export function storeFailureOf(error: unknown): StoreFailure {
  if (error instanceof DaemonError) {
    return { error, again: false };
  }
  const text = error instanceof Error ? textOf(error) : "";
  const word = /^[A-Z]+(?=[ :]|$)/u.exec(text)?.[0] ?? "";
  const soon = passing.get(word);
  if (soon !== undefined) {
    return { error: away(`${soon} (${word})`), again: true };
  }
  const never = lasting.get(word);
  if (never !== undefined) {
    return { error: away(`${never} (${word})`), again: false };
  }
  const lost = lostConnection.exec(text)?.[0];
  if (lost !== undefined) {
    return {
      error: away(`no connection to Redis (${lost.toLowerCase()})`),
      again: true,
    };
  }
  const line = /user_script:\d+/u.exec(text)?.[0] ?? "no script";
  return {
    error: new DaemonError(
      `REDIS_COMMAND: Redis refused a command (${word || "unknown"}, ${line}); this is a bug of ivcd or a server that is too old`,
      { code: "REDIS_COMMAND", retry: "never" },
    ),
    again: false,
  };
}

function textOf(error: Error & { code?: unknown }): string {
  return typeof error.code === "string"
    ? `${error.message} ${error.code}`
    : error.message;
}

function away(reason: string): StoreUnavailableError {
  return new StoreUnavailableError(reason);
}
