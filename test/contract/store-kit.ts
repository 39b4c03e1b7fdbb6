import { randomUUID } from "node:crypto";
import type { CacheStore } from "../../daemon/cache/cache-store.ts";
import { contentKey, type ImageMeta } from "../../daemon/image.ts";
import type { HintBus } from "../../daemon/jobs/hints.ts";
import type { JobStore, NewCreate } from "../../daemon/jobs/job-store.ts";
import type { EventMessage, Job, ReplyTarget } from "../../daemon/jobs/job.ts";
import type { Outbox } from "../../daemon/jobs/outbox.ts";
import type { VolumeStore } from "../../daemon/jobs/volume-store.ts";

/** What a daemon of one node sees of the shared stores. */
export interface NodeStores {
  readonly cache: CacheStore;
  readonly jobs: JobStore;
  readonly outbox: Outbox;
  readonly volumes: VolumeStore;
  readonly hints: HintBus;
}

/** One empty data set, seen by the nodes `n1` and `n2`, and its clock. Lifetimes are those of {@link shortTimes}. */
export interface StoreRig {
  readonly n1: NodeStores;
  readonly n2: NodeStores;
  /** Lets time pass. */
  advance(ms: number): Promise<void>;
}

/** Lifetimes that a test can wait for. */
export const shortTimes = {
  claimTtlMs: 400,
  leaseTtlMs: 800,
  waiterTtlMs: 800,
  outboxGraceMs: 300,
} as const;

/** Nobody in particular, of one project. */
export const access = {
  projectId: "p1",
  userId: "u1",
  roles: ["member"],
  isAdmin: false,
  requestId: "req-1",
  hadToken: true,
} as const;

/** An image of this id whose bytes have this hash. */
export function imageOf(imageId: string, hash: string): ImageMeta {
  return {
    reference: { kind: "glance", imageId },
    imageId,
    name: null,
    status: "active",
    sizeBytes: 1,
    virtualSizeBytes: 1,
    minDiskGb: 0,
    diskFormat: "raw",
    containerFormat: "bare",
    checksums: [{ algorithm: "sha256", value: hash }],
    etag: null,
    updatedAt: null,
  };
}

/** A create of a new volume. */
export function newCreate(changes: Partial<NewCreate> = {}): NewCreate {
  return {
    jobId: randomUUID(),
    request: {
      kind: "create",
      volumeId: randomUUID(),
      reference: { kind: "glance", imageId: "i1" },
      sizeGb: 2,
      name: "disk {1}",
      metadata: { empty: "", list: "[]" },
      cache: "use",
    },
    access,
    uniqueId: "unique-1",
    digest: "digest-1",
    host: "n1@file#pool",
    attempt: "0123456789",
    reply: null,
    ...changes,
  };
}

/** A caller that waits for an answer. */
export function replyTo(msgId: string): ReplyTarget {
  return { replyQueue: "reply_q", msgId, deadlineMs: null, monitorTimeoutS: 8 };
}

/** An event whose payload a careless JSON decoder would change. */
export function eventOf(eventType: string): EventMessage {
  return {
    messageId: randomUUID(),
    uniqueId: randomUUID().replaceAll("-", ""),
    eventType,
    priority: "INFO",
    publisherId: "volume.n1",
    timestampMs: 1_763_819_677_123,
    payload: {
      none: [],
      big: 9_007_199_254_740_991,
      nothing: null,
      text: "ü\n",
    },
    context: {},
  };
}

/** Opens a create on a node and answers its job. */
export async function openJob(
  stores: NodeStores,
  create: NewCreate = newCreate(),
): Promise<Job> {
  const opened = await stores.jobs.openCreate(create);
  if (opened.kind !== "opened") {
    throw new Error(`not opened: ${opened.kind}`);
  }
  return opened.job;
}

/** What a create asks of the cache. */
export function wanting(
  job: Job,
  hash: string,
  {
    imageId = `image-${hash}`,
    fillId = `fill-${randomUUID()}`,
    awaited = "",
  } = {},
) {
  const content = `sha256:${hash}/raw`;
  return {
    jobId: job.id,
    token: job.token,
    content,
    entryKey: contentKey(content),
    image: imageOf(imageId, hash),
    access,
    fillId,
    imageVolumeId: `volume-of-${fillId}`,
    recordChecksum: null,
    awaitedFillId: awaited === "" ? null : awaited,
  };
}

/** A fill in work: the create that opened it, and its own job. */
export interface OpenedFill {
  readonly create: Job;
  readonly fillId: string;
  readonly entryKey: string;
  readonly token: number;
}

/** Opens the fill of a content. */
export async function openFill(
  stores: NodeStores,
  hash: string,
  imageId = `image-${hash}`,
): Promise<OpenedFill> {
  const create = await openJob(stores);
  const wanted = wanting(create, hash, { imageId });
  const acquired = await stores.cache.acquire(wanted);
  if (acquired.kind !== "miss") {
    throw new Error(`not a miss: ${acquired.kind}`);
  }
  const fill = await stores.jobs.get(acquired.fillId);
  if (fill === null) {
    throw new Error("the fill is not in the journal");
  }
  const { fillId, entryKey } = wanted;
  return { create, fillId, entryKey, token: fill.job?.token ?? 0 };
}

/** No limits. */
export const unlimited = { maxSizeGb: 0, maxCount: 0 };

/** What a fill commits with. */
export function commitOf(
  { entryKey, fillId, token }: Omit<OpenedFill, "create">,
  sizeGb = 1,
) {
  return {
    entryKey,
    fillId,
    token,
    providerId: `image-${fillId}`,
    virtualSizeBytes: 123,
    sizeGb,
    host: "n1@file#pool",
    checksum: null,
    bytesDownloaded: 0,
    isRestored: false,
    internalProjectId: "internal",
    internalUserId: "cinder",
    events: [],
  };
}

/** Fills a content; the opener's lease is given back unless `keepLease`. */
export async function fillReady(
  stores: NodeStores,
  hash: string,
  { sizeGb = 1, imageId = `image-${hash}`, keepLease = false } = {},
): Promise<OpenedFill> {
  const fill = await openFill(stores, hash, imageId);
  const { entryKey, fillId, token } = fill;
  const limits = unlimited;
  await stores.cache.reserve({ entryKey, fillId, token, sizeGb, limits });
  await stores.cache.commit(commitOf(fill, sizeGb));
  if (!keepLease) {
    await stores.cache.releaseLease(
      entryKey,
      fill.create.id,
      fill.create.token,
    );
  }
  return fill;
}
