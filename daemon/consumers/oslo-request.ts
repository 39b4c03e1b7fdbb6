import type { Access } from "../access.ts";
import { RequestError } from "../errors.ts";
import type { ReplyTarget } from "../jobs/job.ts";
import { isJsonObject, type JsonObject } from "./oslo-envelope.ts";

/** Who is to be answered, read before everything else so that the rest can be refused with an answer. */
export interface RequestAddress {
  /** Null for a cast, and for a call that names no queue. */
  readonly reply: ReplyTarget | null;
  /** True for a call whose answer has nowhere to go. */
  readonly lacksReplyQueue: boolean;
  readonly uniqueId: string | null;
}

/** What a request asks for, before a handler is looked up. */
export interface RequestCall {
  readonly method: unknown;
  readonly namespace: unknown;
  readonly version: unknown;
}

const MAX_TEXT = 255;
const CONTROL = /\p{Cc}/u;

function isShortText(value: unknown): value is string {
  return (
    typeof value === "string" &&
    value !== "" &&
    value.length <= MAX_TEXT &&
    !CONTROL.test(value)
  );
}

function replyQueue(value: unknown): string {
  if (
    !isShortText(value) ||
    Buffer.byteLength(value) > MAX_TEXT ||
    !/^[\w.:@/+-]+$/u.test(value) ||
    value.startsWith("amq.")
  ) {
    throw new RequestError(
      "REPLY_Q_INVALID",
      "_reply_q must be a queue name of up to 255 letters, digits and .:@/+-_ that does not begin with amq.",
    );
  }
  return value;
}

function deadline(expiration: unknown, nowMs: number): number | null {
  return typeof expiration === "string" && /^\d{1,12}$/u.test(expiration)
    ? nowMs + Number(expiration)
    : null;
}

const maxMonitorTimeoutS = 86_400;

function monitorTimeout(value: unknown): number | null {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 2) {
    return null;
  }
  // Above 2^31 ms a timer would fire at once, again and again.
  return Math.min(Math.trunc(value), maxMonitorTimeoutS);
}

/** Reads where the answer goes; `REPLY_Q_INVALID` for a queue that no caller of ours would name. */
export function readAddress(
  message: JsonObject,
  expiration: unknown,
  nowMs: number,
): RequestAddress {
  const uniqueId = isShortText(message["_unique_id"])
    ? message["_unique_id"]
    : null;
  const msgId = message["_msg_id"];
  if (msgId === undefined || msgId === null) {
    return { reply: null, lacksReplyQueue: false, uniqueId };
  }
  if (!isShortText(msgId)) {
    throw new RequestError(
      "ENVELOPE_INVALID",
      "_msg_id must be a string of up to 255 characters",
    );
  }
  const queue = message["_reply_q"];
  if (queue === undefined || queue === null) {
    return { reply: null, lacksReplyQueue: true, uniqueId };
  }
  const reply: ReplyTarget = {
    replyQueue: replyQueue(queue),
    msgId,
    deadlineMs: deadline(expiration, nowMs),
    monitorTimeoutS: monitorTimeout(message["_timeout"]),
  };
  return { reply, lacksReplyQueue: false, uniqueId };
}

/** The method asked for, its namespace and version, as oslo defaults them. */
export function readCall(message: JsonObject): RequestCall {
  return {
    method: message["method"],
    namespace: message["namespace"] ?? null,
    version: message["version"] === undefined ? "1.0" : message["version"],
  };
}

/** The named arguments; none when the key is missing. */
export function readArgs(message: JsonObject): JsonObject {
  const args = message["args"];
  if (args === undefined) {
    return Object.create(null) as JsonObject;
  }
  if (!isJsonObject(args)) {
    throw new RequestError(
      "ARG_INVALID",
      "args must be an object with the named arguments",
    );
  }
  return args;
}

/** The first of the given context keys that has a value. An id that cannot be one is refused, since it decides what is seen. */
function contextId(
  message: JsonObject,
  names: readonly string[],
): string | null {
  for (const name of names) {
    const value = message[`_context_${name}`];
    if (value !== undefined && value !== null && value !== "") {
      if (!isShortText(value)) {
        throw new RequestError(
          "CONTEXT_INVALID",
          `${name} in the request context must be a string of up to ${MAX_TEXT} characters`,
        );
      }
      return value;
    }
  }
  return null;
}

/** Who asks, out of the keys that oslo.context and its predecessors use. */
export function readAccess(message: JsonObject): Access {
  const roles = message["_context_roles"];
  const requestId = message["_context_request_id"];
  const authToken = message["_context_auth_token"];
  return {
    projectId: contextId(message, ["project_id", "tenant", "project"]),
    userId: contextId(message, ["user_id", "user"]),
    roles: Array.isArray(roles) ? roles.filter(isShortText).slice(0, 64) : [],
    isAdmin: message["_context_is_admin"] === true,
    requestId: isShortText(requestId) ? requestId : null,
    authToken:
      typeof authToken === "string" && authToken !== "" ? authToken : null,
  };
}
