import { inflateSync } from "node:zlib";
import type { Options } from "amqplib";
import { RequestError } from "../errors.ts";
import { type JsonLimits, parsePythonJson } from "./python-json.ts";

/** What a message may hold at most. */
export interface MessageLimits extends JsonLimits {
  /** As sent, and again inflated. */
  readonly maxBytes: number;
}

const REQUEST_LIMITS: MessageLimits = {
  maxBytes: 1024 * 1024,
  maxDepth: 32,
  maxItems: 20_000,
};

/** An object out of a message; it has no prototype. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A message as it is handed to the broker. */
export interface SealedMessage {
  readonly content: Buffer;
  readonly options: Options.Publish;
}

const ENVELOPE_VERSION = "2.0";

/** True for a JSON object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(what: string, options: ErrorOptions = {}): RequestError {
  return new RequestError("ENVELOPE_INVALID", what, options);
}

function tooBig(maxBytes: number): RequestError {
  return new RequestError(
    "MESSAGE_TOO_BIG",
    `the message has more than ${maxBytes} bytes`,
  );
}

function inflated(content: Buffer, maxBytes: number): Buffer {
  try {
    return inflateSync(content, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      throw tooBig(maxBytes);
    }
    throw invalid("the compressed body cannot be inflated", { cause: error });
  }
}

function decompressed(
  content: Buffer,
  headers: JsonObject,
  maxBytes: number,
): Buffer {
  const compression = headers["compression"];
  if (compression === undefined || compression === null) {
    return content;
  }
  // kombu calls it gzip, but it is a zlib stream.
  if (compression === "application/x-gzip") {
    return inflated(content, maxBytes);
  }
  const name = typeof compression === "string" ? compression : "of that kind";
  throw invalid(
    `compression ${JSON.stringify(name.slice(0, 80))} is not supported; set kombu_compression to gzip or leave it out`,
  );
}

function textOf(content: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch (error) {
    throw invalid("the body is not UTF-8", { cause: error });
  }
}

function objectOf(
  text: string,
  what: string,
  limits: MessageLimits,
): JsonObject {
  const value = parsePythonJson(text, limits);
  if (!isJsonObject(value)) {
    throw invalid(`${what} must be a JSON object`);
  }
  return value;
}

/**
 * The oslo message in a body. Throws `ENVELOPE_INVALID`, `ENVELOPE_VERSION`, `ENVELOPE_TOO_COMPLEX` or
 * `MESSAGE_TOO_BIG` for one that nobody can make sense of.
 */
export function openEnvelope(
  content: Buffer,
  headers: JsonObject,
  limits = REQUEST_LIMITS,
): JsonObject {
  const { maxBytes } = limits;
  if (content.length > maxBytes) {
    throw tooBig(maxBytes);
  }
  const text = textOf(decompressed(content, headers, maxBytes));
  const body = objectOf(text, "the body", limits);
  const version = body["oslo.version"];
  const inner = body["oslo.message"];
  if (version === undefined && inner === undefined && "method" in body) {
    // oslo's format 1.0 has no envelope.
    return body;
  }
  if (version !== ENVELOPE_VERSION) {
    const got =
      typeof version === "string" ? version.slice(0, 20) : "a missing version";
    throw new RequestError(
      "ENVELOPE_VERSION",
      `envelope version ${got} is not supported (${ENVELOPE_VERSION} is)`,
    );
  }
  if (typeof inner !== "string") {
    throw invalid("oslo.message must be a string with JSON");
  }
  return objectOf(inner, "oslo.message", limits);
}

/** A message in oslo's envelope, with the properties that its receivers insist on. */
export function sealEnvelope(message: JsonObject): SealedMessage {
  return {
    content: Buffer.from(
      JSON.stringify({
        "oslo.version": ENVELOPE_VERSION,
        "oslo.message": JSON.stringify(message),
      }),
    ),
    options: {
      // To the letter: with a charset behind it, oslo throws the message away.
      contentType: "application/json",
      contentEncoding: "utf-8",
      deliveryMode: 2,
      priority: 0,
      headers: {},
    },
  };
}

/** `sealEnvelope` where it may fail: `null` for what is no JSON or larger than `maxBytes`. */
export function trySealEnvelope(
  message: JsonObject,
  maxBytes: number,
): SealedMessage | null {
  try {
    const sealed = sealEnvelope(message);
    return sealed.content.length > maxBytes ? null : sealed;
  } catch {
    return null;
  }
}
