import type { StoredAccess } from "../access.ts";
import type { Job, JobRequest, ReplyTarget } from "../jobs/job.ts";
import type { Progress } from "../volume.ts";

/** Before the message id, in the name of a field that holds a reply target. */
export const replyPrefix = "reply:";

/** The job that a hash holds. */
export function jobOf(
  id: string,
  backend: string,
  fields: Readonly<Record<string, string>>,
): Job {
  const attempts = fields["attempts"] ?? "";
  const progress = fields["progress"];
  return {
    id,
    backend,
    request: JSON.parse(fields["request"] ?? "null") as JobRequest,
    access: JSON.parse(fields["access"] ?? "null") as StoredAccess,
    node: fields["node"] ?? "",
    token: Number(fields["token"]),
    takeovers: Number(fields["takeovers"]),
    attempts: attempts === "" ? [] : attempts.split(","),
    cancelled: fields["cancelled"] === "1",
    isReopened: fields["reopened"] === "1",
    isNameTaken: fields["name_taken"] === "1",
    entryKey: fields["entry_key"] ?? null,
    fillId: fields["fill_id"] ?? null,
    openedFill: fields["opened_fill"] === "1",
    progress:
      progress === undefined ? null : (JSON.parse(progress) as Progress),
    createdAtMs: Number(fields["created"]),
  };
}

/** Everybody who waits for a job's answer. */
export function replyTargetsOf(
  fields: Readonly<Record<string, string>>,
): readonly ReplyTarget[] {
  return Object.entries(fields)
    .filter(([name]) => name.startsWith(replyPrefix))
    .map(([, text]) => JSON.parse(text) as ReplyTarget);
}
