import type { ConfirmedPublisher, Fate } from "./confirmed-publisher.ts";
import type { Delivery } from "./delivery.ts";
import { backendKey } from "./oslo-topology.ts";

/** Marks a request that another daemon passed on. */
const FORWARDED = "x-ivc-forwarded";
/** Broker-checked user of the original sender, told by the daemon that passed the request on. */
const ORIGINAL_USER = "x-ivc-broker-user";
const MAX_KEY_BYTES = 255;

/** True for a request that was passed on once. */
export function wasForwarded({ headers }: Delivery): boolean {
  return headers[FORWARDED] !== undefined;
}

/**
 * True for a sender that may administrate. `user_id` is what counts, since the broker checks it. For a request that was
 * passed on the daemon that did so has to be listed too: other services may share its broker user, and forge the header.
 */
export function mayAdministrate(
  { message, headers }: Delivery,
  adminUsers: readonly string[] | null,
): boolean {
  if (adminUsers === null) {
    return true;
  }
  const sender: unknown = message.properties.userId;
  if (typeof sender !== "string") {
    return false;
  }
  const original = headers[ORIGINAL_USER];
  if (headers[FORWARDED] !== undefined) {
    return (
      adminUsers.includes(sender) &&
      typeof original === "string" &&
      adminUsers.includes(original)
    );
  }
  return adminUsers.includes(sender);
}

/** Where and how a request is passed on. */
export interface ForwardTarget {
  readonly exchange: string;
  readonly topic: string;
  readonly backend: string;
  /** When the caller stops waiting; null for never. */
  readonly deadlineMs: number | null;
}

function headersFor({ message, headers }: Delivery): Record<string, unknown> {
  const user: unknown = message.properties.userId;
  return {
    [FORWARDED]: 1,
    ...(headers["compression"] !== undefined && {
      compression: headers["compression"],
    }),
    ...(typeof user === "string" && { [ORIGINAL_USER]: user }),
  };
}

/** Passes a request on as it came, with what is left of its time; `unroutable` when no daemon ever served the backend. */
export async function forwardRequest(
  publisher: ConfirmedPublisher,
  delivery: Delivery,
  { exchange, topic, backend, deadlineMs }: ForwardTarget,
): Promise<Fate> {
  const routingKey = backendKey(topic, backend);
  if (Buffer.byteLength(routingKey) > MAX_KEY_BYTES) {
    return "unroutable";
  }
  const remainingMs =
    deadlineMs === null ? null : Math.max(1, deadlineMs - Date.now());
  return await publisher.publish({
    exchange,
    routingKey,
    mandatory: true,
    // Vouches for the original sender, whose user_id we may not repeat.
    withUserId: true,
    message: {
      content: delivery.message.content,
      options: {
        contentType: "application/json",
        contentEncoding: "utf-8",
        deliveryMode: 2,
        priority: 0,
        headers: headersFor(delivery),
        ...(remainingMs !== null && { expiration: remainingMs }),
      },
    },
  });
}
