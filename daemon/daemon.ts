import { readFileSync } from "node:fs";
import { BackendRegistry } from "./backends/backend-registry.ts";
import type { VolumeBackend } from "./backends/volume-backend.ts";
import {
  composeBackend,
  openFileBackend,
  type SharedParts,
} from "./compose-backend.ts";
import { openFlashArray } from "./compose-flash-array.ts";
import { composeImages } from "./compose-images.ts";
import { composeServer, openMessaging } from "./compose-messaging.ts";
import {
  type DaemonState,
  drainAll,
  keepWaterMark,
  newDaemonState,
  reasonsNotReady,
} from "./daemon-state.ts";
import type { BackendServices } from "./flows/backend-services.ts";
import { Limiter } from "./flows/limiter.ts";
import { StatusServer } from "./http/status-server.ts";
import type { Logger } from "./logger.ts";
import { connectRedis, type RedisConnection } from "./redis/connection.ts";
import { agreeOnDefaultBackend } from "./redis/default-backend.ts";
import { recordedIdentity } from "./redis/redis-data-set.ts";
import type { BackendSettings, Settings } from "./settings.ts";
import { addGauges } from "./telemetry/daemon-gauges.ts";
import { Metrics } from "./telemetry/metrics.ts";
import { untilRedis, waitForRedis } from "./wait-for-redis.ts";

/** A running daemon. */
export interface Daemon extends AsyncDisposable {
  /** Takes no more requests and waits for those in work; what is left then is given up for other daemons. */
  drain(): Promise<void>;
}

/** What a daemon is started with. */
export interface DaemonOptions {
  readonly settings: Settings;
  readonly logger: Logger;
  /** Of this package. */
  readonly version: string;
  /** Aborted by a signal that came while the daemon was starting. */
  readonly signal: AbortSignal;
  /** Something happened that only a restart mends. */
  readonly onFatal: (error: Error) => void;
}

/**
 * Starts a daemon: everything is made here, in the order in which it is needed, and closed in the reverse order. Servers
 * that are away are waited for; settings that cannot work end the start.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { settings, logger } = options;
  await using stack = new AsyncDisposableStack();
  const metrics = new Metrics();
  const redis = stack.use(openRedis(settings, logger));
  const state = newDaemonState();
  const notReady = () => reasonsNotReady(state, redis);
  await listen(options, metrics, notReady, stack);
  await waitForRedis(redis, options);
  // Before the scratch folder, which may be below a root that is not mounted.
  const backends = await openBackends(options, redis, metrics, stack);
  const messaging = openMessaging(settings, logger, stack);
  const images = await composeImages(settings, stack, logger);
  const shared: SharedParts = {
    settings,
    redis,
    ...images,
    sender: messaging.sender,
    copies: new Limiter(settings.jobs.maxFills),
    metrics,
    logger,
    onJobCount: () => {
      keepWaterMark(state, settings.rpc.maxOpenJobs);
    },
    onTrouble: (trouble) => {
      options.onFatal(new Error(troubles[trouble]));
    },
  };
  const registry = await composeBackends(shared, backends, state, stack);
  await images.cleanScratch();
  stack.use(
    await agreeOnDefaultBackend({
      redis,
      backend: settings.defaultBackend,
      node: settings.nodeName,
    }),
  );
  const server = stack.use(
    composeServer(settings, messaging, registry, redis, logger),
  );
  state.servers.push(server);
  addGauges(metrics, {
    redis,
    ...messaging,
    server,
    services: state.services,
  });
  await startServices(state, options);
  server.start();
  state.isStarted = true;
  const owned = stack.move();
  return {
    drain: async () => {
      await drainAll(state, settings.jobs.drainTimeout);
    },
    [Symbol.asyncDispose]: async () => {
      await owned.disposeAsync();
    },
  };
}

const troubles = {
  "node-taken":
    "another daemon has taken this node's name: give each daemon a nodeName of its own",
  "data-lost":
    "the data in Redis were lost: the daemon restarts and begins a new data set",
} as const;

async function openBackends(
  options: DaemonOptions,
  redis: RedisConnection,
  metrics: Metrics,
  stack: AsyncDisposableStack,
): Promise<ReadonlyMap<BackendSettings, VolumeBackend>> {
  const { settings, logger, signal, version } = options;
  const { nodeName } = settings;
  const backends = new Map<BackendSettings, VolumeBackend>();
  for (const own of settings.backends) {
    if (own.driver === "file") {
      backends.set(own, await openFileBackend(nodeName, own, logger));
    } else {
      const parts = {
        nodeName,
        version,
        own,
        recordedIdentity: await untilRedis(
          async () => await recordedIdentity(redis, own.name),
          options,
        ),
        meter: metrics.arrayMeterOf(own.name),
        logger,
      };
      backends.set(own, await openFlashArray(parts, stack, signal));
    }
  }
  return backends;
}

async function composeBackends(
  shared: SharedParts,
  backends: ReadonlyMap<BackendSettings, VolumeBackend>,
  state: DaemonState,
  stack: AsyncDisposableStack,
): Promise<BackendRegistry<BackendServices>> {
  const services = new Map<string, BackendServices>();
  for (const [own, backend] of backends) {
    services.set(own.name, await composeBackend(shared, own, backend, stack));
  }
  state.services.push(...services.values());
  return new BackendRegistry(services, shared.settings.defaultBackend);
}

async function listen(
  { settings, logger }: DaemonOptions,
  metrics: Metrics,
  notReady: () => readonly string[],
  stack: AsyncDisposableStack,
): Promise<void> {
  if (settings.http.port === 0) {
    return;
  }
  stack.use(
    await StatusServer.listen(
      settings.http,
      { notReady, metrics: async () => await metrics.page() },
      logger,
    ),
  );
}

async function startServices(
  state: DaemonState,
  options: DaemonOptions,
): Promise<void> {
  for (const services of state.services) {
    services.outboxSender.start();
    services.evictor.start();
    await untilRedis(async () => {
      await services.runner.start();
    }, options);
  }
}

function openRedis(settings: Settings, logger: Logger): RedisConnection {
  return connectRedis({
    url: settings.redis.url,
    password: settings.redis.password ?? undefined,
    ca: caOf(settings.redis.caFile),
    clientName: `ivc:${settings.nodeName}`,
    logger,
  });
}

function caOf(file: string | null): string | undefined {
  return file === null ? undefined : readFileSync(file, "utf8");
}
