import { randomUUID } from "node:crypto";
import { DaemonError } from "../errors.ts";
import { imageIdOf } from "../image.ts";
import type { Finish, NewCreate, NewDelete } from "../jobs/job-store.ts";
import type { ReplyTarget } from "../jobs/job.ts";
import { replyPrefix } from "./job-fields.ts";
import { fieldsOf, luaCommand, type LuaReply } from "./lua-command.ts";
import { eventTexts } from "./outbox-rows.ts";
import { volumeFields } from "./volume-fields.ts";

/** A script's answer about a volume id: a word, and a hash or a job id. */
export interface Opening {
  readonly kind: string;
  readonly id: string;
  readonly fields: Readonly<Record<string, string>>;
}

interface Call {
  /** Tells a repeat after a lost connection from a redelivery. */
  readonly callId: string;
  /** The job that the record belongs to, once it is known. */
  readonly currentId: string;
}

const openCreateOnce = luaCommand("open-create", {
  shared: ["now"],
  keys: (p: NewCreate & Call, { keys }) => [
    keys.volume(p.request.volumeId),
    keys.job(p.jobId),
    keys.jobsOpen,
    keys.jobsDone,
    keys.fence,
    keys.volumesAll,
    keys.volumesOf(p.access.projectId),
    keys.job(p.currentId === "" ? "none" : p.currentId),
  ],
  args: (p, scope) => [
    p.jobId,
    p.callId,
    p.request.volumeId,
    p.digest,
    p.uniqueId,
    scope.node,
    JSON.stringify(p.request),
    storedAccessText(p),
    JSON.stringify(p.access.projectId),
    ...replyArguments(p.reply),
    scope.claimTtlMs,
    p.currentId,
    p.attempt,
    ...newVolumeFields(p, scope.backend),
  ],
  reply: openingOf,
});

const openDeleteOnce = luaCommand("open-delete", {
  shared: ["now"],
  keys: (p: NewDelete & Call, { keys }) => [
    keys.volume(p.request.volumeId),
    keys.job(p.jobId),
    keys.jobsOpen,
    keys.jobsDone,
    keys.fence,
    keys.job(p.currentId === "" ? "none" : p.currentId),
  ],
  args: (p, scope) => [
    p.jobId,
    p.callId,
    p.request.volumeId,
    scope.node,
    JSON.stringify(p.request),
    JSON.stringify({ ...p.request, afterJobId: p.currentId }),
    storedAccessText(p),
    ...replyArguments(p.reply),
    scope.claimTtlMs,
    p.currentId,
    scope.keys.hints,
  ],
  reply: openingOf,
});

/** Journals a create, unless its volume id is known already. */
export const openCreateJob = untilKnown(openCreateOnce);

/** Journals a delete, unless there is nothing to delete. */
export const openDeleteJob = untilKnown(openDeleteOnce);

/** Calls an opening script again when it has to know the job that the record belongs to. */
function untilKnown<S, P>(
  open: (scope: S, parameters: P & Call) => Promise<Opening>,
): (scope: S, parameters: P) => Promise<Opening> {
  return async (scope, parameters) => {
    const callId = randomUUID();
    let currentId = "";
    for (let tries = 0; tries < 10; tries += 1) {
      const opening = await open(scope, { ...parameters, callId, currentId });
      if (opening.kind !== "current") {
        return opening;
      }
      currentId = opening.id;
    }
    throw new DaemonError(
      "VOLUME_BUSY: the volume is asked for and deleted all the time",
      { code: "VOLUME_BUSY", retry: "later" },
    );
  };
}

function openingOf([kind, what]: LuaReply): Opening {
  return {
    kind: String(kind),
    id: typeof what === "string" ? what : "",
    fields: fieldsOf(what),
  };
}

/** The access that may be kept, even if the caller's object has a token. */
function storedAccessText(p: NewCreate | NewDelete): string {
  return JSON.stringify({ ...p.access, authToken: undefined });
}

function replyArguments(reply: ReplyTarget | null): readonly string[] {
  return reply === null
    ? ["", ""]
    : [`${replyPrefix}${reply.msgId}`, JSON.stringify(reply)];
}

function newVolumeFields(p: NewCreate, backend: string): readonly string[] {
  const { request, access } = p;
  const { reference } = request;
  return volumeFields({
    volumeId: request.volumeId,
    role: "volume",
    status: "creating",
    projectId: access.projectId,
    userId: access.userId,
    name: request.name,
    metadata: request.metadata,
    backend,
    host: p.host,
    sizeGb: request.sizeGb,
    imageId: imageIdOf(reference),
    content: null,
    providerId: null,
    path: null,
    reason: null,
    timingsMs: {},
    fault: null,
    digest: p.digest,
    jobId: p.jobId,
    uniqueId: p.uniqueId,
  });
}

/** Takes a job over; `not-due` when somebody else was faster. */
export const claimJob = luaCommand("claim-job", {
  keys: (p: { jobId: string; entryKey: string }, { keys }) => [
    keys.job(p.jobId),
    keys.jobsOpen,
    keys.fence,
    keys.entry(p.entryKey === "" ? "none" : p.entryKey),
  ],
  shared: ["now"],
  args: (p, scope) => [p.jobId, scope.node, scope.claimTtlMs],
  reply: openingOf,
});

/** Makes an open job due at once, if `field` has `value`. */
export const releaseJob = luaCommand("release-job", {
  shared: ["now"],
  keys: (
    p: { jobId: string; field: "token" | "node"; value: string },
    { keys },
  ) => [keys.job(p.jobId), keys.jobsOpen],
  args: (p) => [p.jobId, p.field, p.value],
  reply: ([kind]) => kind === "released",
});

/** Journals an attempt name. */
export const journalAttempt = luaCommand("add-attempt", {
  shared: ["job"],
  keys: (p: { jobId: string; token: number; attempt: string }, { keys }) => [
    keys.job(p.jobId),
  ],
  args: (p) => [p.token, p.attempt],
  reply: ([kind]) => kind === "added",
});

/** Saves how far a copy has come. */
export const journalProgress = luaCommand("save-progress", {
  shared: ["job"],
  keys: (p: { jobId: string; token: number; progress: string }, { keys }) => [
    keys.job(p.jobId),
  ],
  args: (p) => [p.token, p.progress],
  reply: ([kind]) => kind === "saved",
});

interface FinishCall extends Finish {
  readonly callId: string;
  readonly volumeId: string;
  readonly projectId: string | null;
}

/** Ends a job: record, answers, events and lease together. */
export const finishJob = luaCommand("finish", {
  shared: ["now", "job", "outbox"],
  keys: (p: FinishCall, { keys }) => [
    keys.job(p.jobId),
    keys.jobsOpen,
    keys.jobsDone,
    keys.volume(p.volumeId),
    keys.volumesAll,
    keys.volumesOf(p.projectId),
    keys.outbox,
    keys.outboxDue,
    keys.outboxSequence,
    keys.leases(p.releaseEntryKey ?? "none"),
    keys.waiters(p.releaseEntryKey ?? "none"),
  ],
  args: (p, scope) => [
    p.jobId,
    p.token,
    p.callId,
    p.volumeId,
    JSON.stringify(p.outcome),
    scope.doneTtlMs,
    scope.outboxGraceMs,
    p.releaseEntryKey ?? "",
    scope.keys.hints,
    p.events.length,
    ...eventTexts(p.events),
    ...volumeFields(p.patch),
  ],
  reply: ([kind, ...rows]) => ({ kind: String(kind), rows }),
});
