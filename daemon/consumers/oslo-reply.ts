import { randomUUID } from "node:crypto";
import type { Fault } from "../errors.ts";
import type { Outcome, ReplyTarget } from "../jobs/job.ts";
import {
  type SealedMessage,
  sealEnvelope,
  trySealEnvelope,
} from "./oslo-envelope.ts";

/** RabbitMQ 4 takes 16 MiB; a client that asked for a list has no use for more than this. */
const MAX_REPLY_BYTES = 4 * 1024 * 1024;
const MAX_MESSAGE = 4096;

/** Classes that oslo.messaging itself raises: their callers look for these very names. */
const OSLO_CLASSES = new Set(["UnsupportedVersion", "NoSuchMethod"]);

/** A fresh id in the form of oslo's `_unique_id`: 32 hex digits. */
export function newUniqueId(): string {
  return randomUUID().replaceAll("-", "");
}

/** A fault as oslo's remote exception: a string with JSON. */
export function encodeFailure(fault: Fault): string {
  const message = fault.message.toWellFormed().slice(0, MAX_MESSAGE);
  const isOslo = OSLO_CLASSES.has(fault.remoteClass);
  return JSON.stringify({
    class: fault.remoteClass,
    module: isOslo ? "oslo_messaging.rpc.dispatcher" : "cinder.exception",
    message,
    tb: [],
    args: [message],
    kwargs: isOslo ? {} : { code: fault.status, error_code: fault.code },
  });
}

function replyBody(
  target: ReplyTarget,
  uniqueId: string,
  outcome: Outcome,
): Record<string, unknown> {
  const isResult = outcome.kind === "result";
  return {
    result: isResult ? (outcome.result ?? null) : null,
    failure: isResult ? null : encodeFailure(outcome.fault),
    ending: true,
    _msg_id: target.msgId,
    _unique_id: uniqueId,
  };
}

const unsendable: Fault = {
  code: "REPLY_TOO_BIG",
  remoteClass: "InvalidInput",
  status: 413,
  scope: "request",
  retry: "never",
  message: `REPLY_TOO_BIG: the answer is larger than ${MAX_REPLY_BYTES} bytes or cannot be written as JSON; ask for less, for example with limit and marker`,
};

/** An answer as the caller expects it; one that is too large, or no JSON, becomes a failure that says so. */
export function encodeReply(
  target: ReplyTarget,
  uniqueId: string,
  outcome: Outcome,
): SealedMessage {
  return (
    trySealEnvelope(replyBody(target, uniqueId, outcome), MAX_REPLY_BYTES) ??
    sealEnvelope(
      replyBody(target, uniqueId, { kind: "failure", fault: unsendable }),
    )
  );
}

/** "Still at work", for a caller with a `call_monitor_timeout`. */
export function encodeHeartbeat(target: ReplyTarget): SealedMessage {
  return sealEnvelope({
    result: null,
    failure: null,
    ending: false,
    _msg_id: target.msgId,
    _unique_id: newUniqueId(),
  });
}
