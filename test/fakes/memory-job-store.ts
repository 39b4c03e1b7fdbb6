import { createHash } from "node:crypto";
import type { StoredAccess } from "../../daemon/access.ts";
import { imageIdOf } from "../../daemon/image.ts";
import type {
  Finish,
  Finished,
  FoundJob,
  JobStore,
  NewCreate,
  NewDelete,
  OpenedCreate,
  OpenedDelete,
  Renewal,
} from "../../daemon/jobs/job-store.ts";
import type { Job, JobRequest, ReplyTarget } from "../../daemon/jobs/job.ts";
import type { Progress, VolumeRecord } from "../../daemon/volume.ts";
import type { MemoryJob, MemoryState } from "./memory-state.ts";

interface NewJob {
  readonly jobId: string;
  readonly request: JobRequest;
  readonly access: StoredAccess;
  readonly reply: ReplyTarget | null;
  readonly volumeId: string;
  readonly attempt?: string;
  readonly isReopened?: boolean;
  readonly isNameTaken?: boolean;
}

interface KnownVolume {
  readonly record: VolumeRecord;
  readonly uniqueId: string;
}

/** A journal in memory. */
export class MemoryJobStore implements JobStore {
  readonly #state: MemoryState;
  readonly #node: string;

  constructor(state: MemoryState, node: string) {
    this.#state = state;
    this.#node = node;
  }

  async openCreate(create: NewCreate): Promise<OpenedCreate> {
    const { volumeId } = create.request;
    const known = this.#state.volumes.get(volumeId);
    const answer = known === undefined ? null : this.#known(known, create);
    if (answer !== null) {
      return answer;
    }
    const isNameTaken = known?.record.fault?.code === "VOLUME_EXISTS";
    this.#recordNew(create, known?.record.createdAtMs ?? this.#state.now());
    const isReopened = known !== undefined;
    const job = this.#open({
      ...create,
      volumeId,
      isReopened,
      isNameTaken,
    });
    return { kind: "opened", job };
  }

  async openDelete(remove: NewDelete): Promise<OpenedDelete> {
    const { volumeId } = remove.request;
    const known = this.#state.volumes.get(volumeId);
    if (known === undefined || known.record.status === "deleted") {
      return { kind: "absent" };
    }
    const { record } = known;
    const current = this.#isOpen(record.jobId) ? record.jobId : null;
    if (record.status === "deleting" && current !== null) {
      this.#addReply(current, remove.reply);
      return { kind: "running", jobId: current };
    }
    let { request } = remove;
    if (record.status === "creating" && current !== null) {
      const create = this.#state.jobs.get(current);
      if (create !== undefined) {
        create.job.cancelled = true;
      }
      request = { ...request, afterJobId: current };
      this.#state.hint({ kind: "cancelled", jobId: current });
    }
    record.status = "deleting";
    record.jobId = remove.jobId;
    record.updatedAtMs = this.#state.now();
    const job = this.#open({ ...remove, request, volumeId });
    return { kind: "opened", job };
  }

  async renew(
    jobs: readonly {
      jobId: string;
      token: number;
      leaseEntryKey: string | null;
    }[],
  ): Promise<readonly Renewal[]> {
    const { claimTtlMs, leaseTtlMs, waiterTtlMs } = this.#state.timing;
    const now = this.#state.now();
    return jobs.map(({ jobId, token, leaseEntryKey }) => {
      const held = this.#owned(jobId, token);
      if (held === null) {
        return "lost";
      }
      held.dueMs = now + claimTtlMs;
      const entry = this.#state.entries.get(leaseEntryKey ?? "");
      if (entry?.leases.has(jobId) === true) {
        entry.leases.set(jobId, now + leaseTtlMs);
      }
      if (entry?.waiters.has(jobId) === true) {
        entry.waiters.set(jobId, now + waiterTtlMs);
      }
      return held.job.cancelled ? "cancelled" : "renewed";
    });
  }

  async claimDue(limit: number): Promise<readonly Job[]> {
    const now = this.#state.now();
    const due = [...this.#state.jobs.values()]
      .filter(({ isDone, dueMs }) => !isDone && dueMs <= now)
      .toSorted((a, b) => a.dueMs - b.dueMs)
      .slice(0, limit);
    for (const held of due) {
      held.job.token = this.#state.nextToken();
      held.job.node = this.#node;
      held.job.takeovers += held.isReleased === true ? 0 : 1;
      held.isReleased = false;
      held.dueMs = now + this.#state.timing.claimTtlMs;
    }
    return due.map(({ job }) => ({ ...job }));
  }

  async releaseOwn(): Promise<number> {
    const own = [...this.#state.jobs.values()].filter(
      ({ job, isDone }) => !isDone && job.node === this.#node,
    );
    for (const held of own) {
      held.dueMs = this.#state.now();
    }
    return own.length;
  }

  async release(jobId: string, token: number): Promise<void> {
    const held = this.#owned(jobId, token);
    if (held !== null) {
      held.dueMs = this.#state.now();
      held.isReleased = true;
    }
  }

  async addAttempt(
    jobId: string,
    token: number,
    attempt: string,
  ): Promise<boolean> {
    const held = this.#owned(jobId, token);
    if (held !== null) {
      held.job.attempts = [...new Set([...held.job.attempts, attempt])];
    }
    return held !== null;
  }

  async saveProgress(
    jobId: string,
    token: number,
    progress: Progress,
  ): Promise<void> {
    const held = this.#owned(jobId, token);
    if (held !== null) {
      held.job.progress = progress;
    }
  }

  async finish(finish: Finish): Promise<Finished> {
    const state = this.#state;
    const { jobId } = finish;
    const held = state.jobs.get(jobId);
    if (held === undefined || held.isDone) {
      return { kind: "already" };
    }
    if (held.job.token !== finish.token) {
      return { kind: "lost" };
    }
    const record = state.volumes.get(held.volumeId ?? "")?.record;
    if (record?.jobId === jobId) {
      Object.assign(record, finish.patch, { updatedAtMs: state.now() });
    }
    const replies = [...held.replies.values()].map((target) => ({
      kind: "reply" as const,
      target,
      uniqueId: createHash("sha1")
        .update(`${jobId} ${target.msgId}`)
        .digest("hex")
        .slice(0, 32),
      outcome: finish.outcome,
    }));
    const rows = [...state.writeEvents(finish.events), ...state.write(replies)];
    held.isDone = true;
    if (finish.releaseEntryKey !== null) {
      const entry = state.entries.get(finish.releaseEntryKey);
      entry?.leases.delete(jobId);
      entry?.waiters.delete(jobId);
      state.hint({ kind: "entry", entryKey: finish.releaseEntryKey });
    }
    state.hint({ kind: "done", jobId });
    return { kind: "finished", rows };
  }

  async get(jobId: string): Promise<FoundJob | null> {
    const held = this.#state.jobs.get(jobId);
    if (held === undefined) {
      return null;
    }
    return held.isDone
      ? { isDone: true, job: null }
      : { isDone: false, job: { ...held.job } };
  }

  async replyTargets(jobId: string): Promise<readonly ReplyTarget[]> {
    return [...(this.#state.jobs.get(jobId)?.replies.values() ?? [])];
  }

  async openCount(): Promise<number> {
    return [...this.#state.jobs.values()].filter(({ isDone }) => !isDone)
      .length;
  }

  /** The answer to a create of a volume that is recorded; null when it may be made again. */
  #known(known: KnownVolume, create: NewCreate): OpenedCreate | null {
    const { record, uniqueId } = known;
    const isOther = record.role !== "volume" || record.digest !== create.digest;
    const isUsed = record.status === "error" && record.providerId !== null;
    if (isOther || isUsed || ["deleting", "deleted"].includes(record.status)) {
      return { kind: "conflict", volume: { ...record } };
    }
    if (record.status === "creating" && this.#isOpen(record.jobId)) {
      this.#addReply(record.jobId, create.reply);
      return { kind: "running", jobId: record.jobId };
    }
    const isRepeat = record.status === "error" && uniqueId === create.uniqueId;
    return record.status === "available" || isRepeat
      ? { kind: "finished", volume: { ...record } }
      : null;
  }

  #isOpen(jobId: string): boolean {
    return this.#state.jobs.get(jobId)?.isDone === false;
  }

  #owned(jobId: string, token: number): MemoryJob | null {
    return this.#state.owns(jobId, token)
      ? (this.#state.jobs.get(jobId) ?? null)
      : null;
  }

  #addReply(jobId: string, reply: ReplyTarget | null): void {
    if (reply !== null) {
      this.#state.jobs.get(jobId)?.replies.set(reply.msgId, reply);
    }
  }

  #open({
    jobId,
    request,
    access,
    reply,
    volumeId,
    attempt,
    isReopened = false,
    isNameTaken = false,
  }: NewJob): Job {
    const now = this.#state.now();
    const job: Job = {
      id: jobId,
      backend: this.#state.backend,
      request,
      access,
      node: this.#node,
      token: this.#state.nextToken(),
      takeovers: 0,
      attempts: attempt === undefined ? [] : [attempt],
      cancelled: false,
      isReopened,
      isNameTaken,
      entryKey: null,
      fillId: null,
      openedFill: false,
      progress: null,
      createdAtMs: now,
    };
    this.#state.jobs.set(jobId, {
      job: { ...job },
      volumeId,
      replies: new Map(),
      dueMs: now + this.#state.timing.claimTtlMs,
      isDone: false,
      usedFill: null,
    });
    this.#addReply(jobId, reply);
    return job;
  }

  #recordNew(create: NewCreate, createdAtMs: number): void {
    const { request, access } = create;
    const { reference } = request;
    this.#state.volumes.set(request.volumeId, {
      uniqueId: create.uniqueId,
      record: {
        volumeId: request.volumeId,
        role: "volume",
        status: "creating",
        projectId: access.projectId,
        userId: access.userId,
        name: request.name,
        metadata: request.metadata,
        backend: this.#state.backend,
        host: create.host,
        sizeGb: request.sizeGb,
        imageId: imageIdOf(reference),
        content: null,
        providerId: null,
        path: null,
        reason: null,
        timingsMs: {},
        fault: null,
        createdAtMs,
        updatedAtMs: this.#state.now(),
        digest: create.digest,
        jobId: create.jobId,
      },
    });
  }
}
