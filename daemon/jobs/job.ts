import type { StoredAccess } from "../access.ts";
import type { Fault } from "../errors.ts";
import type { ChecksumAlgorithm, ImageMeta, ImageReference } from "../image.ts";
import type { Progress } from "../volume.ts";

/** What `create_volume` asked for, normalised: ids in lower case, sizes in GiB. */
export interface CreateRequest {
  readonly kind: "create";
  readonly volumeId: string;
  readonly reference: ImageReference;
  /** Null: the smallest size that fits. */
  readonly sizeGb: number | null;
  readonly name: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly cache: "use" | "bypass";
}

/** What `delete_volume` asked for. `afterJobId` is the create that has to end first. */
export interface DeleteRequest {
  readonly kind: "delete";
  readonly volumeId: string;
  readonly afterJobId: string | null;
}

/** What a fill copies: the image as it was described to the create that opened it. */
export interface FillRequest {
  readonly kind: "fill";
  readonly image: ImageMeta;
  readonly content: string;
  readonly entryKey: string;
  /** Volume id the image-volume will have. */
  readonly imageVolumeId: string;
  /** A hash to be kept with the entry where the source tells none, so that a caller's checksum can be compared later. */
  readonly recordChecksum: ChecksumAlgorithm | null;
}

/** The work of a job. */
export type JobRequest = CreateRequest | DeleteRequest | FillRequest;

/**
 * A journaled piece of work. Its life:
 *
 *     open (owned)  -> done          finished by its owner
 *     open (owned)  -> open (owned)  taken over by another daemon once its owner stopped renewing: token + 1
 *     done          -> open (owned)  a create that had failed is asked for again
 *
 * Only the holder of the current `token` may change it.
 */
export interface Job {
  readonly id: string;
  readonly backend: string;
  readonly request: JobRequest;
  readonly access: StoredAccess;
  readonly node: string;
  readonly token: number;
  /** How often it was taken over. */
  readonly takeovers: number;
  /** Every attempt name journaled so far, oldest first: 10 hex digits each. Objects may exist under any of them. */
  readonly attempts: readonly string[];
  readonly cancelled: boolean;
  /** An earlier create of this volume had failed: something of it may be left. */
  readonly isReopened: boolean;
  /** That one ended with `VOLUME_EXISTS`: what has the volume's name on the backend is another's. */
  readonly isNameTaken: boolean;
  /** Entry that a create joined the fill of, and that fill; null before `acquire`. */
  readonly entryKey: string | null;
  readonly fillId: string | null;
  /** True for the create that opened its fill: its event will be the `miss`. */
  readonly openedFill: boolean;
  readonly progress: Progress | null;
  readonly createdAtMs: number;
}

/** Where an answer goes, as the caller's message said. */
export interface ReplyTarget {
  readonly replyQueue: string;
  readonly msgId: string;
  /** From the message's `expiration`, in this daemon's clock; null: the caller waits for ever. */
  readonly deadlineMs: number | null;
  /** Seconds (oslo's `_timeout`): heartbeats are sent at half of it; null: none asked for. */
  readonly monitorTimeoutS: number | null;
}

/** How a request ended, as its callers are told. `result` is JSON. */
export type Outcome =
  | { readonly kind: "result"; readonly result: unknown }
  | { readonly kind: "failure"; readonly fault: Fault };

/** An oslo notification, complete: a repeat of it has the same ids. */
export interface EventMessage {
  /** UUID with dashes. */
  readonly messageId: string;
  /** 32 hex digits. */
  readonly uniqueId: string;
  readonly eventType: string;
  readonly priority: "INFO" | "ERROR";
  readonly publisherId: string;
  readonly timestampMs: number;
  readonly payload: Readonly<Record<string, unknown>>;
  /** Without secrets. */
  readonly context: Readonly<Record<string, unknown>>;
}
