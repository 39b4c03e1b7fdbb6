import { DaemonError, RequestError, faultOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Delivery } from "./delivery.ts";
import { mayAdministrate, wasForwarded } from "./forwarding.ts";
import { type JsonObject, openEnvelope } from "./oslo-envelope.ts";
import {
  type RequestAddress,
  readAccess,
  readAddress,
  readArgs,
} from "./oslo-request.ts";
import type { RpcRequest } from "./rpc-request.ts";

/** A message that can at least be answered. */
export interface DecodedDelivery {
  readonly body: JsonObject;
  readonly address: RequestAddress;
}

/** The message of a delivery; null, and a line in the log, for one that nobody can make sense of. */
export function decodeDelivery(
  delivery: Delivery,
  logger: Logger,
): DecodedDelivery | null {
  const { content, fields, properties } = delivery.message;
  try {
    const body = openEnvelope(content, delivery.headers);
    const expiration: unknown = properties.expiration;
    return { body, address: readAddress(body, expiration, Date.now()) };
  } catch (error) {
    const { code, message } = faultOf(error);
    logger.warn("message rejected", {
      code,
      reason: message,
      routingKey: fields.routingKey,
      bytes: content.length,
      ...(!(error instanceof DaemonError) && { error }),
    });
    return null;
  }
}

/** The request for a handler; throws what its caller is told. */
export function requestOf(
  delivery: Delivery,
  { body, address }: DecodedDelivery,
  method: string,
  adminBrokerUsers: readonly string[] | null,
): RpcRequest {
  const deadlineMs = address.reply?.deadlineMs ?? null;
  if (deadlineMs !== null && deadlineMs <= Date.now()) {
    throw new RequestError(
      "DEADLINE_PASSED",
      "the caller's time ran out before the request was begun; nothing was done",
      { status: 408 },
    );
  }
  return {
    method,
    args: readArgs(body),
    access: readAccess(body),
    uniqueId: address.uniqueId,
    reply: address.reply,
    wasForwarded: wasForwarded(delivery),
    mayAdministrate: mayAdministrate(delivery, adminBrokerUsers),
  };
}
