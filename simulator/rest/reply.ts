import type { Version } from "../version.ts";
import { isAtLeast } from "../version.ts";

/** An answer before it is sent; `body` is its text. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** For the log: the message of an error. */
  readonly error?: string;
}

/** The version from which on an error of a session has `location_context`: not documented, chosen for the simulator. */
const locationContextSince: Version = "2.26";

/** 200 with JSON. */
export function jsonReply(
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return { ...json(200, body), headers: { ...jsonHeaders, ...headers } };
}

/** 200 without a body, as after a DELETE. */
export function emptyReply(): Reply {
  return { status: 200, headers: {}, body: "" };
}

/** An error as the array itself writes it. */
export function errorReply(
  status: number,
  message: string,
  context: string | null = null,
): Reply {
  return {
    ...json(status, { errors: [{ message, context }] }),
    error: message,
  };
}

/** 401 of a session that is not or no more there. */
export function invalidSession(version: Version, arrayName: string): Reply {
  const message = "Invalid session.";
  if (!isAtLeast(version, locationContextSince)) {
    return errorReply(401, message);
  }
  const location = {
    name: arrayName,
    id: null,
    resource_type: "remote-arrays",
  };
  return {
    ...json(401, { errors: [{ message, location_context: location }] }),
    error: message,
  };
}

const jsonHeaders = { "Content-Type": "application/json" };

function json(status: number, body: unknown): Reply {
  return { status, headers: jsonHeaders, body: JSON.stringify(body) };
}
