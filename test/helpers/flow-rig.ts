import { randomUUID } from "node:crypto";
import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Access, storedAccess } from "../../daemon/access.ts";
import { createFileBackend } from "../../daemon/backends/file/create-file-backend.ts";
import type {
  FileTarget,
  VolumeBackend,
  WriteTarget,
} from "../../daemon/backends/volume-backend.ts";
import { ChangeWatch } from "../../daemon/cache/change-watch.ts";
import { Evictor } from "../../daemon/cache/evictor.ts";
import type {
  BackendServices,
  FlowSettings,
} from "../../daemon/flows/backend-services.ts";
import { newAttempt } from "../../daemon/flows/create-run.ts";
import { endPoisonedJob } from "../../daemon/flows/end-poisoned-job.ts";
import { Limiter } from "../../daemon/flows/limiter.ts";
import { runJob } from "../../daemon/flows/run-job.ts";
import type { ImageMeta } from "../../daemon/image.ts";
import type { OpenedImage } from "../../daemon/imagesync/image-copier.ts";
import { EventFactory } from "../../daemon/jobs/events.ts";
import { Heartbeats } from "../../daemon/jobs/heartbeats.ts";
import { JobRunner } from "../../daemon/jobs/job-runner.ts";
import type { CreateRequest, EventMessage } from "../../daemon/jobs/job.ts";
import { OutboxSender } from "../../daemon/jobs/outbox-sender.ts";
import { silentLogger } from "../../daemon/logger.ts";
import { Metrics } from "../../daemon/telemetry/metrics.ts";
import type { VolumeRecord } from "../../daemon/volume.ts";
import { imageOf } from "../contract/store-kit.ts";
import { MemoryStore } from "../fakes/memory-store.ts";
import { MemoryVolumeDirectory } from "../fakes/memory-volume-directory.ts";
import { eventually } from "./eventually.ts";

/** What an image source and a copier do in a test; replaced where a test wants trouble. */
export interface Script {
  describe: (imageId: string, access: Access) => Promise<ImageMeta>;
  /** Called before the bytes of an image are written. */
  beforeCopy: (image: ImageMeta, signal: AbortSignal) => Promise<void>;
  virtualSizeBytes: number;
  /** What the copier says it has hashed. */
  checksum: string | null;
}

/** One daemon's flows over stores in memory and real files. */
export interface FlowRig extends AsyncDisposable {
  readonly services: BackendServices;
  readonly script: Script;
  readonly store: MemoryStore;
  readonly root: string;
  /** Events as they were sent. */
  readonly events: EventMessage[];
  /** Images that were copied, in order. */
  readonly copies: string[];
  /** Journals a create and starts it; answers the volume's id. */
  open(imageId: string, changes?: Partial<CreateRequest>): Promise<string>;
  /** The record once it is neither creating nor deleting. */
  ended(volumeId: string): Promise<VolumeRecord>;
  /** Names in the backend's folder, the hidden ones of the backend itself left out. */
  files(): Promise<readonly string[]>;
}

const anybody: Access = {
  projectId: "p1",
  userId: "u1",
  roles: [],
  isAdmin: false,
  requestId: "req-1",
  authToken: "token",
};

const defaults: FlowSettings = {
  cacheEnabled: true,
  limits: { maxSizeGb: 0, maxCount: 0 },
  freshness: "content",
  internalProjectId: "internal",
  internalUserId: "internal",
  rememberFailuresMs: 60_000,
  maxBypassPerImage: 2,
  createDeadlineMs: 60_000,
  unwantedGraceMs: 300,
  cleanUpMs: 10_000,
};

/** Puts the flows together as the root does, for a node `n1` or another one on the same `store`. */
export async function flowRig(
  options: {
    readonly settings?: Partial<FlowSettings>;
    readonly backend?: (backend: VolumeBackend) => VolumeBackend;
    /** Where the bytes of a target are, when it is no file itself. */
    readonly fileOf?: (target: WriteTarget) => string;
    readonly store?: MemoryStore;
    readonly node?: string;
    readonly root?: string;
  } = {},
): Promise<FlowRig> {
  const root = options.root ?? (await mkdtemp(join(tmpdir(), "ivc-flows-")));
  const node = options.node ?? "n1";
  const folder = await createFileBackend({
    name: "file",
    host: `${node}@file#file`,
    root,
  });
  const backend = options.backend?.(folder) ?? folder;
  const store =
    options.store ??
    new MemoryStore({ claimTtlMs: 600, leaseTtlMs: 1200, waiterTtlMs: 1200 });
  const stores = store.forNode(node);
  const events: EventMessage[] = [];
  const copies: string[] = [];
  const script: Script = {
    describe: (imageId) => Promise.resolve(imageOf(imageId, "ab".repeat(32))),
    beforeCopy: () => Promise.resolve(),
    virtualSizeBytes: 8192,
    checksum: null,
  };
  const sender = {
    isConnected: true,
    sendEvent: (event: EventMessage) => {
      events.push(event);
      return Promise.resolve();
    },
    sendReply: () => Promise.resolve("sent" as const),
    sendHeartbeat: () => Promise.resolve(true),
  };
  const outboxSender = new OutboxSender(stores.outbox, sender, silentLogger);
  const factory = new EventFactory(node, "file", backend.host);
  const evictor = new Evictor({
    store: stores.cache,
    backend,
    events: factory,
    outbox: outboxSender,
    sweepMs: 100,
    onEvicted: () => {},
    logger: silentLogger,
  });
  const runner = new JobRunner({
    store: stores.jobs,
    hints: stores.hints,
    work: async (context) => {
      await runJob(services, context);
    },
    poisoned: async (context) => {
      await endPoisonedJob(services, context);
    },
    maxTakeovers: 3,
    claimTtlMs: 600,
    sweepMs: 100,
    onCount: () => {},
    logger: silentLogger,
  });
  const services: BackendServices = {
    backend,
    settings: { ...defaults, ...options.settings },
    source: {
      describe: async (reference, access) =>
        await script.describe(
          reference.kind === "glance" ? reference.imageId : reference.url,
          access,
        ),
      open: () =>
        Promise.reject(new Error("the copier of this rig reads no source")),
    },
    copier: {
      check: () => {},
      open: async (image) => await Promise.resolve(openedImage(image)),
    },
    ...stores,
    directory: new MemoryVolumeDirectory(),
    watch: new ChangeWatch(stores.hints),
    evictor,
    events: factory,
    outboxSender,
    meter: new Metrics().meterOf("file"),
    copies: new Limiter(2),
    clones: new Limiter(4),
    runner,
    heartbeats: new Heartbeats(sender, stores.jobs, stores.hints),
  };
  const openedImage = (image: ImageMeta): OpenedImage => ({
    virtualSizeBytes: script.virtualSizeBytes,
    copyTo: async (target, _onProgress, { signal }) => {
      copies.push(image.imageId);
      await script.beforeCopy(image, signal);
      const file = options.fileOf?.(target) ?? (target as FileTarget).path;
      await using handle = await open(file, "r+");
      await handle.write(Buffer.from(image.imageId));
      return {
        bytesDownloaded: 4096,
        checksum: script.checksum,
        downloadMs: 1,
        convertMs: 0,
      };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
  evictor.start();
  await runner.start();
  return {
    services,
    script,
    store,
    root,
    events,
    copies,
    open: async (imageId, changes = {}) => {
      const volumeId = changes.volumeId ?? randomUUID();
      const opened = await stores.jobs.openCreate({
        jobId: `create-${volumeId}`,
        request: {
          kind: "create",
          volumeId,
          reference: { kind: "glance", imageId },
          sizeGb: null,
          name: null,
          metadata: {},
          cache: "use",
          ...changes,
        },
        access: storedAccess(anybody),
        uniqueId: randomUUID(),
        digest: "digest",
        host: backend.host,
        attempt: newAttempt(),
        reply: null,
      });
      if (opened.kind !== "opened") {
        throw new Error(`the create was not opened: ${opened.kind}`);
      }
      runner.run(opened.job, anybody);
      return volumeId;
    },
    ended: async (volumeId) => {
      let record: VolumeRecord | null = null;
      await eventually(`end of volume ${volumeId}`, async () => {
        record = await stores.volumes.get(volumeId);
        return (
          record !== null && !["creating", "deleting"].includes(record.status)
        );
      });
      await eventually(
        "everything sent",
        async () => (await stores.outbox.depth()) === 0,
      );
      return record as unknown as VolumeRecord;
    },
    files: async () =>
      (await readdir(root)).filter((name) =>
        /^(volume|image|\.ivc)-/.test(name),
      ),
    [Symbol.asyncDispose]: async () => {
      await runner[Symbol.asyncDispose]();
      await evictor[Symbol.asyncDispose]();
      await outboxSender[Symbol.asyncDispose]();
      if (options.root === undefined) {
        await rm(root, { recursive: true, force: true });
      }
    },
  };
}

/** The events of a type, by volume. */
export function eventsOf(
  rig: FlowRig,
  eventType: string,
): readonly EventMessage[] {
  return rig.events.filter((event) => event.eventType === eventType);
}
