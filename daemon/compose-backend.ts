import { hostname } from "node:os";
import { createFileBackend } from "./backends/file/create-file-backend.ts";
import type { VolumeBackend } from "./backends/volume-backend.ts";
import { ChangeWatch } from "./cache/change-watch.ts";
import { Evictor } from "./cache/evictor.ts";
import type { BackendServices } from "./flows/backend-services.ts";
import { endPoisonedJob } from "./flows/end-poisoned-job.ts";
import { Limiter } from "./flows/limiter.ts";
import { runJob } from "./flows/run-job.ts";
import type { ImageCopier } from "./imagesync/image-copier.ts";
import type { ImageSource } from "./imagesync/image-source.ts";
import { EventFactory } from "./jobs/events.ts";
import { Heartbeats } from "./jobs/heartbeats.ts";
import type { HintBus } from "./jobs/hints.ts";
import { JobRunner } from "./jobs/job-runner.ts";
import type { JobStore } from "./jobs/job-store.ts";
import { OutboxSender } from "./jobs/outbox-sender.ts";
import type { MessageSender } from "./jobs/outbox.ts";
import type { Logger } from "./logger.ts";
import type { RedisConnection } from "./redis/connection.ts";
import { RedisCacheStore } from "./redis/redis-cache-store.ts";
import { claimDataSet } from "./redis/redis-data-set.ts";
import { RedisHintBus } from "./redis/redis-hint-bus.ts";
import { RedisJobStore } from "./redis/redis-job-store.ts";
import { RedisOutbox } from "./redis/redis-outbox.ts";
import { RedisVolumeDirectory } from "./redis/redis-volume-directory.ts";
import { RedisVolumeStore } from "./redis/redis-volume-store.ts";
import type { RedisStoreOptions } from "./redis/store-scope.ts";
import type {
  BackendSettings,
  FileBackendSettings,
  Settings,
} from "./settings.ts";
import type { Metrics } from "./telemetry/metrics.ts";

/** What all backends of a daemon share. */
export interface SharedParts {
  readonly settings: Settings;
  readonly redis: RedisConnection;
  readonly source: ImageSource;
  readonly copier: ImageCopier;
  readonly sender: MessageSender;
  readonly copies: Limiter;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly onJobCount: () => void;
  readonly onTrouble: (trouble: "node-taken" | "data-lost") => void;
}

/** Opens a folder as a backend; clones without shared blocks are said here, once. */
export async function openFileBackend(
  node: string,
  backend: FileBackendSettings,
  logger: Logger,
): Promise<VolumeBackend> {
  const opened = await createFileBackend({
    name: backend.name,
    host: `${node}@${backend.name}#${backend.name}`,
    root: backend.root,
  });
  if (opened.capabilities.clone === "copy") {
    logger.warn(
      "no reflink on this file system: every clone is a full copy; use XFS (reflink=1) or btrfs",
      { backend: backend.name, root: backend.root },
    );
  }
  return opened;
}

/** Puts together everything that serves one backend; what has to be closed goes onto `stack`. */
export async function composeBackend(
  shared: SharedParts,
  own: BackendSettings,
  backend: VolumeBackend,
  stack: AsyncDisposableStack,
): Promise<BackendServices> {
  const { settings, redis, metrics } = shared;
  const node = settings.nodeName;
  const logger = shared.logger.child({ backend: own.name });
  stack.use(await claim(shared, backend));
  const scope = storeScopeOf(shared, own.name);
  const hints = stack.use(new RedisHintBus({ redis, backend: own.name }));
  const jobs = new RedisJobStore(scope);
  const cache = new RedisCacheStore(scope);
  const outbox = new RedisOutbox(scope);
  const outboxSender = stack.use(
    new OutboxSender(outbox, shared.sender, logger),
  );
  const events = new EventFactory(node, own.name, backend.host);
  const meter = metrics.meterOf(own.name);
  const evictor = stack.use(
    new Evictor({
      store: cache,
      backend,
      events,
      outbox: outboxSender,
      sweepMs: settings.jobs.sweepInterval,
      onEvicted: (reason) => {
        meter.evicted(reason);
      },
      logger,
    }),
  );
  const runner = composeRunner(shared, jobs, hints, logger, () => services);
  const services: BackendServices = {
    backend,
    settings: flowSettings(settings, own),
    source: shared.source,
    copier: shared.copier,
    cache,
    jobs,
    watch: stack.use(new ChangeWatch(hints)),
    evictor,
    events,
    outbox,
    outboxSender,
    meter,
    copies: shared.copies,
    clones: new Limiter(settings.jobs.maxClones),
    volumes: new RedisVolumeStore(scope),
    directory: new RedisVolumeDirectory({ redis }),
    runner: stack.use(runner),
    heartbeats: stack.use(new Heartbeats(shared.sender, jobs, hints)),
  };
  return services;
}

function storeScopeOf(
  { redis, settings }: SharedParts,
  backend: string,
): RedisStoreOptions {
  const { claimTtl } = settings.jobs;
  // Both have to outlive a takeover.
  const leaseTtlMs = Math.max(90_000, 3 * claimTtl);
  return {
    redis,
    backend,
    node: settings.nodeName,
    claimTtlMs: claimTtl,
    leaseTtlMs,
    waiterTtlMs: leaseTtlMs,
  };
}

async function claim(
  { settings, redis, onTrouble }: SharedParts,
  backend: VolumeBackend,
): Promise<AsyncDisposable> {
  return await claimDataSet({
    redis,
    backend: backend.name,
    identity: await backend.identity({ signal: AbortSignal.timeout(30_000) }),
    node: settings.nodeName,
    bootId: crypto.randomUUID(),
    pid: process.pid,
    hostname: hostname(),
    onTrouble,
  });
}

function composeRunner(
  { settings, onJobCount }: SharedParts,
  store: JobStore,
  hints: HintBus,
  logger: Logger,
  services: () => BackendServices,
): JobRunner {
  return new JobRunner({
    store,
    hints,
    work: async (context) => {
      await runJob(services(), context);
    },
    poisoned: async (context) => {
      await endPoisonedJob(services(), context);
    },
    maxTakeovers: settings.jobs.maxTakeovers,
    claimTtlMs: settings.jobs.claimTtl,
    sweepMs: settings.jobs.sweepInterval,
    onCount: onJobCount,
    logger,
  });
}

function flowSettings(
  settings: Settings,
  own: BackendSettings,
): BackendServices["settings"] {
  return {
    cacheEnabled: own.cacheEnabled,
    limits: own.limits,
    freshness: settings.images.freshness,
    internalProjectId: settings.internalTenant.projectId,
    internalUserId: settings.internalTenant.userId,
    rememberFailuresMs: settings.images.rememberFailures,
    maxBypassPerImage: settings.jobs.maxBypassPerImage,
    createDeadlineMs: settings.jobs.createDeadline,
    cleanUpMs: settings.jobs.claimTtl / 2,
    unwantedGraceMs: settings.jobs.claimTtl / 3 + 1000,
  };
}
