import type { Fault } from "./errors.ts";

/** Bytes in Cinder's unit of size. */
export const bytesPerGb = 1024 ** 3;

/** Smallest whole number of GiB that holds `bytes`. */
export function ceilGb(bytes: number): number {
  return Math.ceil(bytes / bytesPerGb);
}

/** Life of a volume record. `deleted` is a tombstone that keeps a late request from making the volume again. */
export const volumeStatuses = [
  "creating",
  "available",
  "error",
  "deleting",
  "deleted",
] as const;

/** One of {@link volumeStatuses}. */
export type VolumeStatus = (typeof volumeStatuses)[number];

/**
 * How a create was served: `hit`, a clone of a ready image-volume; `coalesced`, the same after waiting for a fill that
 * another one had opened; `miss`, after a fill of its own; `bypass`, a copy without the cache.
 */
export type CreatePath = "hit" | "coalesced" | "miss" | "bypass";

/** A volume as it is recorded; lives until it is deleted. */
export interface VolumeRecord {
  readonly volumeId: string;
  /** `image-volume`: the gold copy of a cache entry, owned by the internal tenant. */
  readonly role: "volume" | "image-volume";
  readonly status: VolumeStatus;
  readonly projectId: string | null;
  readonly userId: string | null;
  readonly name: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly backend: string;
  /** Cinder's form, `node@backend#pool`. */
  readonly host: string;
  /** GiB; null while the size is not known yet. */
  readonly sizeGb: number | null;
  readonly imageId: string | null;
  readonly content: string | null;
  /** What the backend calls it; null while it does not exist there. */
  readonly providerId: string | null;
  readonly path: CreatePath | null;
  readonly reason: string | null;
  readonly timingsMs: Readonly<Record<string, number>>;
  readonly fault: Fault | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Digest of the request's arguments and project: equal repeats are answered with the stored result. */
  readonly digest: string;
  /** The job that works on it, or worked last. */
  readonly jobId: string;
}

/** How far a copy has come. Rates are bytes per second. */
export interface Progress {
  readonly phase: "queued" | "download" | "convert" | "verify" | "clone";
  readonly bytesDone: number;
  readonly bytesTotal: number | null;
  readonly rate: number;
}
