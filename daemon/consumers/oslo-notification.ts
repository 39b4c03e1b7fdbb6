import type { EventMessage } from "../jobs/job.ts";
import { type SealedMessage, sealEnvelope } from "./oslo-envelope.ts";

/** A second wall: whoever builds events leaves these out already. */
const SECRET = /token|secret|passw|credential|auth_key/iu;

/** Milliseconds as Python's `str(datetime)` in UTC: no T, no zone, microseconds. */
export function pythonTimestamp(timestampMs: number): string {
  return new Date(timestampMs)
    .toISOString()
    .replace("T", " ")
    .replace("Z", "000");
}

/** A notification of the driver `messagingv2`. */
export function encodeNotification(event: EventMessage): SealedMessage {
  const context = Object.entries(event.context)
    .filter(([key]) => !SECRET.test(key))
    .map(([key, value]) => [`_context_${key}`, value] as const);
  return sealEnvelope({
    message_id: event.messageId,
    publisher_id: event.publisherId,
    event_type: event.eventType,
    priority: event.priority,
    payload: event.payload,
    timestamp: pythonTimestamp(event.timestampMs),
    _unique_id: event.uniqueId,
    ...Object.fromEntries(context),
  });
}
