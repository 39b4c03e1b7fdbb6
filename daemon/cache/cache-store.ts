import type { StoredAccess } from "../access.ts";
import type { Fault } from "../errors.ts";
import type { ChecksumAlgorithm, ImageMeta } from "../image.ts";
import type { EventMessage } from "../jobs/job.ts";
import type { OutboxRow } from "../jobs/outbox.ts";
import type {
  CacheEntry,
  CacheLimits,
  CacheUse,
  EvictReason,
} from "./cache-entry.ts";

/** A create that wants an image-volume of `content`. Repeating it with the same job changes nothing more. */
export interface Acquire {
  readonly jobId: string;
  readonly token: number;
  readonly content: string;
  readonly entryKey: string;
  readonly image: ImageMeta;
  readonly access: StoredAccess;
  /** Ids for the fill that is opened when the content is absent. */
  readonly fillId: string;
  readonly imageVolumeId: string;
  readonly recordChecksum: ChecksumAlgorithm | null;
  /** The fill this job waited for, if any: its failure is then this job's answer. */
  readonly awaitedFillId: string | null;
}

/**
 * - `hit`: ready; a lease is held until `finish` or `releaseLease`. Use and hit count are updated once per job.
 * - `filling`: somebody else fills; the job is registered as a waiter and gets a lease at commit.
 * - `miss`: this job opened the fill `fillId` (a job owned by this node) and is its first waiter.
 * - `failed`: the awaited fill failed, or the content failed for everybody a short time ago.
 * - `bypass`: the awaited fill found no room; `reason` is `no-room-now` or `never-fits`.
 * - `evicting`: the content is on its way out; look again soon.
 * - `lost`: the job's claim has passed to somebody else.
 * `staleKeys` are entries that lost their last alias by this request and are being evicted.
 */
export type Acquired = {
  readonly staleKeys: readonly string[];
} & (
  | { readonly kind: "hit"; readonly entry: CacheEntry }
  | { readonly kind: "filling"; readonly fillId: string }
  | { readonly kind: "miss"; readonly fillId: string }
  | { readonly kind: "failed"; readonly fault: Fault }
  | { readonly kind: "bypass"; readonly reason: string }
  | { readonly kind: "evicting" }
  | { readonly kind: "lost" }
);

/** Room for one image-volume, asked for by its fill. */
export interface Reserve {
  readonly entryKey: string;
  readonly fillId: string;
  readonly token: number;
  readonly sizeGb: number;
  readonly limits: CacheLimits;
}

/**
 * - `reserved`: the room is held until commit or failure. Repeating answers `reserved` again; another size replaces.
 * - `evict-first`: these entries were marked `evicting` (least recently used first; never leased, never filling);
 *   delete them on the backend, then ask again.
 * - `evictions-pending`: enough is on its way out already; ask again soon.
 * - `no-room-now`: what could be evicted is not enough; nothing was marked.
 * - `never-fits`: larger than the limit; nothing was marked.
 * - `lost`: the claim has passed to somebody else.
 */
export type Reserved =
  | { readonly kind: "reserved" }
  | { readonly kind: "evict-first"; readonly victims: readonly CacheEntry[] }
  | { readonly kind: "evictions-pending" }
  | { readonly kind: "no-room-now" }
  | { readonly kind: "never-fits" }
  | { readonly kind: "lost" };

/** A fill that ended well: the entry becomes ready, the image-volume gets its record, every waiter a lease. */
export interface Commit {
  readonly entryKey: string;
  readonly fillId: string;
  readonly token: number;
  readonly providerId: string;
  readonly virtualSizeBytes: number;
  /** What the seal says; kept with the entry. */
  readonly checksum: string | null;
  readonly bytesDownloaded: number;
  readonly isRestored: boolean;
  /** Final size; may shrink the reservation. */
  readonly sizeGb: number;
  readonly host: string;
  /** Owner of the image-volume. */
  readonly internalProjectId: string;
  readonly internalUserId: string;
  readonly events: readonly EventMessage[];
}

/** How a fill ended badly. */
export type FillEnd =
  /** Told to all waiters; with `rememberMs` > 0 also to those who come later. */
  | {
      readonly kind: "failed";
      readonly fault: Fault;
      readonly rememberMs: number;
    }
  /** Its waiters copy for themselves. */
  | { readonly kind: "bypass"; readonly reason: string };

/** A fill that ended without an image-volume: entry, reservation and waiters go, the fill's job is done. */
export interface AbandonFill {
  readonly entryKey: string;
  readonly fillId: string;
  readonly token: number;
  readonly end: FillEnd;
  readonly events: readonly EventMessage[];
}

/** `busy`: clones are running (`leases` of them). */
export type Evicting =
  | { readonly kind: "evicting"; readonly entry: CacheEntry }
  | { readonly kind: "busy"; readonly leases: number }
  | { readonly kind: "filling" }
  | { readonly kind: "absent" };

/** The cache index of one backend, shared by its daemons. Every write is one idempotent transition. */
export interface CacheStore {
  acquire(acquire: Acquire): Promise<Acquired>;
  /** Gives up a lease and a place among the waiters; nothing when the job has passed to somebody else. */
  releaseLease(entryKey: string, jobId: string, token: number): Promise<void>;
  reserve(reserve: Reserve): Promise<Reserved>;
  commit(
    commit: Commit,
  ): Promise<
    | { readonly kind: "committed"; readonly rows: readonly OutboxRow[] }
    | { readonly kind: "lost" }
  >;
  abandonFill(
    abandon: AbandonFill,
  ): Promise<
    | { readonly kind: "abandoned"; readonly rows: readonly OutboxRow[] }
    | { readonly kind: "lost" }
  >;
  /** Number of creates that wait for a fill (expired ones left out). */
  waiterCount(entryKey: string): Promise<number>;

  /**
   * Marks a ready entry as evicting. With `ignoreLeases` running clones do not hold it (they finish or fail on their
   * own): for entries that are lost or corrupt. With `fillId` only the image-volume of that fill is meant; `absent` when
   * the entry stands for another one by now.
   */
  markEvicting(
    entryKey: string,
    reason: EvictReason,
    ignoreLeases: boolean,
    fillId: string | null,
  ): Promise<Evicting>;
  /** Evicting entries that are due for deletion and not leased; they become due again after `retryMs`. */
  claimEvictions(
    limit: number,
    retryMs: number,
  ): Promise<readonly CacheEntry[]>;
  /** The backend confirmed: entry, record of the image-volume and use go, the events are written. Once per entry. */
  evictionDone(
    entryKey: string,
    providerId: string,
    events: readonly EventMessage[],
  ): Promise<readonly OutboxRow[]>;
  /** The backend refused: the entry stays evicting and counted, is tried again after `retryMs`, and helps no reserve until then. */
  evictionFailed(entryKey: string, retryMs: number): Promise<void>;

  /**
   * A place among the (at most `maxParallel`) copies of one content that bypass the cache. `ready`: look at the cache
   * again instead. `wait`: ask again soon. The place expires unless asked for again within `ttlMs`.
   */
  enterBypass(
    entryKey: string,
    jobId: string,
    maxParallel: number,
    ttlMs: number,
  ): Promise<"go" | "wait" | "ready">;
  leaveBypass(entryKey: string, jobId: string): Promise<void>;

  get(entryKey: string): Promise<CacheEntry | null>;
  /** The entry that an image id last stood for. */
  findByImageId(imageId: string): Promise<CacheEntry | null>;
  /** Leases on an entry that have not expired. */
  leaseCount(entryKey: string): Promise<number>;
  /** All entries, most recently used first; entries without use (filling, evicting) last. */
  list(): Promise<readonly CacheEntry[]>;
  use(): Promise<CacheUse>;
  /** When the least recently used ready entry was used last; null when there is none. */
  oldestUseMs(): Promise<number | null>;
}
