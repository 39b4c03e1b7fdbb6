import type { EventMessage } from "../jobs/job.ts";
import type { OutboxRow } from "../jobs/outbox.ts";
import type { LuaReply } from "./lua-command.ts";

/** Events as they are kept: JSON that the scripts never look into. */
export function eventTexts(events: readonly EventMessage[]): readonly string[] {
  return events.map((event) => JSON.stringify({ kind: "event", event }));
}

/** The rows that a script answered: id, JSON, id, JSON, … */
export function outboxRowsOf(reply: LuaReply): readonly OutboxRow[] {
  const rows: OutboxRow[] = [];
  for (let i = 0; i + 1 < reply.length; i += 2) {
    const row = JSON.parse(String(reply[i + 1])) as Omit<OutboxRow, "id">;
    rows.push({ ...row, id: String(reply[i]) } as OutboxRow);
  }
  return rows;
}
