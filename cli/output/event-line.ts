import { type Fields, fieldsOf } from "./fields.ts";
import { humanDuration } from "./human-duration.ts";
import { printable } from "./printable.ts";

const shownFirst = [
  "image_id",
  "volume_id",
  "backend",
  "path",
  "reason",
  "outcome",
] as const;

/** A notification on one line: time, event, then what matters of its payload. */
export function eventLine(notification: Fields): string {
  const payload = fieldsOf(notification["payload"]);
  const facts = shownFirst
    .filter((name) => payload[name] !== undefined && payload[name] !== null)
    .map((name) => `${name}=${printable(payload[name])}`);
  const { duration_ms: durationMs } = payload;
  if (typeof durationMs === "number") {
    facts.push(`took ${humanDuration(durationMs)}`);
  }
  const time = printable(notification["timestamp"]).slice(0, 23);
  const event = printable(notification["event_type"]);
  return [time, event.padEnd(29), ...facts].join("  ");
}
