import { randomUUID } from "node:crypto";
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
} from "../jobs/job-store.ts";
import type { Job, ReplyTarget } from "../jobs/job.ts";
import type { Progress } from "../volume.ts";
import { unexpectedReply } from "./acquire-entry.ts";
import { jobOf, replyTargetsOf } from "./job-fields.ts";
import {
  claimJob,
  finishJob,
  journalAttempt,
  journalProgress,
  openCreateJob,
  openDeleteJob,
  releaseJob,
} from "./job-scripts.ts";
import { outboxRowsOf } from "./outbox-rows.ts";
import { readHashes } from "./read-hashes.ts";
import { renewJobs, type HeldJob } from "./renew-jobs.ts";
import {
  storeScope,
  type RedisStoreOptions,
  type StoreScope,
} from "./store-scope.ts";
import { trimDoneJobs } from "./trim-done-jobs.ts";
import { volumeOf } from "./volume-fields.ts";
import { dueMembers } from "./waiting-scripts.ts";

type Fields = Readonly<Record<string, string>>;

/** The volume that a job works on; needed for the keys of `finish`. */
interface JobVolume {
  readonly volumeId: string;
  readonly projectId: string | null;
}

const renewBatch = 200;

/** The journal of one backend in Redis. */
export class RedisJobStore implements JobStore {
  readonly #scope: StoreScope;
  /** Of the jobs this daemon owns, so that `finish` needs no look first. */
  readonly #volumes = new Map<string, JobVolume>();

  constructor(options: RedisStoreOptions) {
    this.#scope = storeScope(options);
  }

  async openCreate(create: NewCreate): Promise<OpenedCreate> {
    const { kind, id, fields } = await openCreateJob(this.#scope, create);
    switch (kind) {
      case "opened":
        return { kind, job: this.#own(create.jobId, fields) };
      case "running":
        return { kind, jobId: id };
      case "finished":
      case "conflict": {
        const volume = volumeOf(fields);
        if (volume !== null) {
          return { kind, volume };
        }
      }
    }
    throw unexpectedReply("open-create", kind);
  }

  async openDelete(remove: NewDelete): Promise<OpenedDelete> {
    const { kind, id, fields } = await openDeleteJob(this.#scope, remove);
    switch (kind) {
      case "opened":
        return { kind, job: this.#own(remove.jobId, fields) };
      case "running":
        return { kind, jobId: id };
      case "absent":
        return { kind };
    }
    throw unexpectedReply("open-delete", kind);
  }

  async renew(jobs: readonly HeldJob[]): Promise<readonly Renewal[]> {
    const answers: Renewal[] = [];
    for (let start = 0; start < jobs.length; start += renewBatch) {
      const part = jobs.slice(start, start + renewBatch);
      answers.push(...(await renewJobs(this.#scope, part)));
    }
    for (const [i, job] of jobs.entries()) {
      if (answers[i] === "lost") {
        this.#volumes.delete(job.jobId);
      }
    }
    return answers;
  }

  async claimDue(limit: number): Promise<readonly Job[]> {
    const { redis, keys } = this.#scope;
    await trimDoneJobs(this.#scope);
    const key = keys.jobsOpen;
    const due = await dueMembers(this.#scope, { key, limit });
    const claimed: Job[] = [];
    try {
      for (const jobId of due) {
        const entryKey = await redis.call(
          async (client) => await client.hget(keys.job(jobId), "fill_entry"),
        );
        const { kind, fields } = await claimJob(this.#scope, {
          jobId,
          entryKey: entryKey ?? "",
        });
        if (kind === "claimed") {
          claimed.push(this.#own(jobId, fields));
        }
      }
    } catch (error) {
      // What is claimed is ours: dropped, it would idle until its claim runs out.
      if (claimed.length === 0) {
        throw error;
      }
    }
    return claimed;
  }

  async releaseOwn(): Promise<number> {
    const { redis, keys, node } = this.#scope;
    const open = await redis.call(
      async (client) => await client.zrange(keys.jobsOpen, 0, "-1"),
    );
    const jobs = await readHashes(
      redis,
      open.map((id) => keys.job(id)),
    );
    let released = 0;
    for (const [i, jobId] of open.entries()) {
      if (jobs[i]?.["node"] === node) {
        const claim = { jobId, field: "node", value: node } as const;
        released += (await releaseJob(this.#scope, claim)) ? 1 : 0;
      }
    }
    return released;
  }

  async release(jobId: string, token: number): Promise<void> {
    this.#volumes.delete(jobId);
    const claim = { jobId, field: "token", value: String(token) } as const;
    await releaseJob(this.#scope, claim);
  }

  async addAttempt(
    jobId: string,
    token: number,
    attempt: string,
  ): Promise<boolean> {
    return await journalAttempt(this.#scope, { jobId, token, attempt });
  }

  async saveProgress(
    jobId: string,
    token: number,
    progress: Progress,
  ): Promise<void> {
    await journalProgress(this.#scope, {
      jobId,
      token,
      progress: JSON.stringify(progress),
    });
  }

  async finish(finish: Finish): Promise<Finished> {
    const { jobId } = finish;
    const volume =
      this.#volumes.get(jobId) ?? volumeOfJob(await this.#fields(jobId));
    const { kind, rows } = await finishJob(this.#scope, {
      ...finish,
      ...volume,
      callId: randomUUID(),
    });
    this.#volumes.delete(jobId);
    switch (kind) {
      case "finished":
        return { kind, rows: outboxRowsOf(rows) };
      case "already":
      case "lost":
        return { kind };
    }
    throw unexpectedReply("finish", kind);
  }

  async get(jobId: string): Promise<FoundJob | null> {
    const fields = await this.#fields(jobId);
    if (fields["done"] === "1") {
      return { isDone: true, job: null };
    }
    return fields["request"] === undefined
      ? null
      : { isDone: false, job: jobOf(jobId, this.#scope.backend, fields) };
  }

  async replyTargets(jobId: string): Promise<readonly ReplyTarget[]> {
    return replyTargetsOf(await this.#fields(jobId));
  }

  async openCount(): Promise<number> {
    const { redis, keys } = this.#scope;
    return await redis.call(
      async (client) => await client.zcard(keys.jobsOpen),
    );
  }

  #own(jobId: string, fields: Fields): Job {
    if (fields["volume"] !== undefined) {
      this.#volumes.set(jobId, volumeOfJob(fields));
    }
    return jobOf(jobId, this.#scope.backend, fields);
  }

  async #fields(jobId: string): Promise<Fields> {
    const { redis, keys } = this.#scope;
    return await redis.call(
      async (client) => await client.hgetall(keys.job(jobId)),
    );
  }
}

function volumeOfJob(fields: Fields): JobVolume {
  return {
    volumeId: fields["volume"] ?? "none",
    projectId: JSON.parse(fields["project"] ?? "null") as string | null,
  };
}
