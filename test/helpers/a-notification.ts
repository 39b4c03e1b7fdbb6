import { randomUUID } from "node:crypto";
import type { EventMessage } from "../../daemon/jobs/job.ts";

/** A complete notification, with what the test wants different. */
export function aNotification(
  different: Partial<EventMessage> = {},
): EventMessage {
  return {
    messageId: randomUUID(),
    uniqueId: randomUUID().replaceAll("-", ""),
    eventType: "image_volume_cache.hit",
    priority: "INFO",
    publisherId: "volume.node-1",
    timestampMs: Date.UTC(2026, 10, 22, 11, 19, 20, 517),
    payload: { image_id: "i-1", host: "node-1@flash#pool" },
    context: { project_id: "p-1", request_id: "req-1" },
    ...different,
  };
}
