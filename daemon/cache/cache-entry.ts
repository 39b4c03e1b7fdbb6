/**
 * Life of a cache entry:
 *
 *     (absent) -> filling      acquire opened a fill
 *     filling  -> ready        commit, by the fill that holds the claim
 *     filling  -> (absent)     the fill failed or found no room
 *     ready    -> evicting     chosen as a victim, stale, asked for, lost or corrupt
 *     evicting -> (absent)     the backend confirmed the deletion
 *
 * Only `ready` is cloned from. `evicting` still counts against the limits: its bytes are there until confirmed.
 */
export type EntryState = "filling" | "ready" | "evicting";

/** Why an entry was evicted; part of the `evict` event. */
export const evictReasons = [
  "lru",
  "limit",
  "stale",
  "manual",
  "lost",
  "corrupt",
] as const;

/** One of {@link evictReasons}. */
export type EvictReason = (typeof evictReasons)[number];

/** True when only room was wanted: the bytes were good, so the image-volume may come back out of the backend's trash. */
export function isForRoom(reason: EvictReason | null): boolean {
  return reason === "lru" || reason === "limit";
}

/** The image-volume of one content on one backend, as the index knows it. */
export interface CacheEntry {
  /** {@link contentKey} of `content`. */
  readonly key: string;
  readonly content: string;
  readonly state: EntryState;
  /** Volume id of the image-volume, and what the backend calls it; null while filling. */
  readonly imageVolumeId: string | null;
  readonly providerId: string | null;
  /** What it counts for against the limits: GiB of the virtual size, rounded up. 0 until reserved. */
  readonly sizeGb: number;
  readonly virtualSizeBytes: number | null;
  /** The image id of the newest request, for events; `aliases` has all. */
  readonly imageId: string;
  readonly aliases: readonly string[];
  readonly createdAtMs: number;
  readonly usedAtMs: number;
  readonly hits: number;
  /** The fill that made or makes it. */
  readonly fillId: string;
  readonly evictReason: EvictReason | null;
  /** `<algorithm>:<hex>` over the bytes as they were downloaded; null while filling, or when there is none. */
  readonly checksum: string | null;
  /** Bytes that crossed the wire for it. */
  readonly bytesDownloaded: number;
  /** It came back out of the backend's trash instead of being downloaded. */
  readonly isRestored: boolean;
}

/** Limits of a backend's cache; 0 is unlimited, and both hold at once. */
export interface CacheLimits {
  readonly maxSizeGb: number;
  readonly maxCount: number;
}

/** What is counted against the limits: GiB and number, of entries (also evicting ones) and of reservations. */
export interface CacheUse {
  readonly entriesGb: number;
  readonly entriesCount: number;
  readonly reservedGb: number;
  readonly reservedCount: number;
}
