import type { StoredAccess } from "../access.ts";
import type { Progress, VolumeRecord } from "../volume.ts";
import type {
  CreateRequest,
  DeleteRequest,
  EventMessage,
  Job,
  Outcome,
  ReplyTarget,
} from "./job.ts";
import type { OutboxRow } from "./outbox.ts";

/** A create to be journaled. */
export interface NewCreate {
  readonly jobId: string;
  readonly request: CreateRequest;
  readonly access: StoredAccess;
  /** `_unique_id` of the message: tells a redelivery from a repeat. */
  readonly uniqueId: string;
  /** Digest of arguments and project. */
  readonly digest: string;
  readonly host: string;
  /** The job's first attempt name, journaled with it. */
  readonly attempt: string;
  readonly reply: ReplyTarget | null;
}

/**
 * What became of a create that was offered to the journal. `running`: an equal request is in work, the reply target
 * was added to it. `finished`: an equal request ended; the record has its result or fault. `conflict`: the volume id is
 * taken by something else (other arguments, other project, an image-volume, or a volume that was deleted).
 */
export type OpenedCreate =
  | { readonly kind: "opened"; readonly job: Job }
  | { readonly kind: "running"; readonly jobId: string }
  | { readonly kind: "finished"; readonly volume: VolumeRecord }
  | { readonly kind: "conflict"; readonly volume: VolumeRecord };

/** A delete to be journaled. */
export interface NewDelete {
  readonly jobId: string;
  readonly request: DeleteRequest;
  readonly access: StoredAccess;
  readonly reply: ReplyTarget | null;
}

/**
 * What became of a delete that was offered to the journal. `absent`: there is no such volume (any more). A create in
 * work is marked cancelled and becomes the new job's `afterJobId`.
 */
export type OpenedDelete =
  | { readonly kind: "opened"; readonly job: Job }
  | { readonly kind: "running"; readonly jobId: string }
  | { readonly kind: "absent" };

/** Fields of a volume record that a finished job sets; the others stay. */
export type VolumePatch = Partial<
  Pick<
    VolumeRecord,
    | "status"
    | "sizeGb"
    | "content"
    | "imageId"
    | "providerId"
    | "path"
    | "reason"
    | "timingsMs"
    | "fault"
  >
>;

/** Everything that ends a job, in one transition. */
export interface Finish {
  readonly jobId: string;
  readonly token: number;
  /** Applied only while the record still belongs to this job. */
  readonly patch: VolumePatch;
  readonly outcome: Outcome;
  readonly events: readonly EventMessage[];
  /** Entry whose lease goes with the job, if it holds one. */
  readonly releaseEntryKey: string | null;
}

/** `already`: the job had ended before; nothing was changed. `lost`: somebody else owns it. */
export type Finished =
  | { readonly kind: "finished"; readonly rows: readonly OutboxRow[] }
  | { readonly kind: "already" }
  | { readonly kind: "lost" };

/** What a renewal told of one job. */
export type Renewal = "renewed" | "cancelled" | "lost";

/** A job in the journal. Of one that ended only that fact is kept: its request may hold a signed URL. */
export type FoundJob =
  | { readonly isDone: false; readonly job: Job }
  | { readonly isDone: true; readonly job: null };

/** The journal of one backend, shared by its daemons. Every write is one idempotent transition. */
export interface JobStore {
  openCreate(create: NewCreate): Promise<OpenedCreate>;
  openDelete(remove: NewDelete): Promise<OpenedDelete>;
  /** Prolongs the claims on jobs, and the leases that they hold (`leaseEntryKey`). Answers in the same order. */
  renew(
    jobs: readonly {
      jobId: string;
      token: number;
      leaseEntryKey: string | null;
    }[],
  ): Promise<readonly Renewal[]>;
  /** Takes over jobs whose owner stopped renewing: new token, `takeovers` + 1. A fill's entry gets the token too. */
  claimDue(limit: number): Promise<readonly Job[]>;
  /** Makes the open jobs of this node's earlier life due at once; for the start of a daemon. Answers how many. */
  releaseOwn(): Promise<number>;
  /** Gives a job up so that another daemon may take it at once; for the stop of a daemon. */
  release(jobId: string, token: number): Promise<void>;
  /** Journals an attempt name before anything is made under it. False: the claim was lost. */
  addAttempt(jobId: string, token: number, attempt: string): Promise<boolean>;
  /** Saves how far a copy has come. Lost claims are ignored here; the next renewal tells. */
  saveProgress(jobId: string, token: number, progress: Progress): Promise<void>;
  finish(finish: Finish): Promise<Finished>;
  /** Null when the job is not known (any more). */
  get(jobId: string): Promise<FoundJob | null>;
  replyTargets(jobId: string): Promise<readonly ReplyTarget[]>;
  /** Open jobs, for readiness and metrics. */
  openCount(): Promise<number>;
}
