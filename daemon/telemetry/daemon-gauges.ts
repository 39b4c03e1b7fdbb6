import type { BackendServices } from "../flows/backend-services.ts";
import { bytesPerGb } from "../volume.ts";
import type { GaugeReading, Metrics } from "./metrics.ts";

/** What of a running daemon is shown as gauges. */
export interface GaugeSources {
  readonly redis: { readonly isReady: boolean };
  readonly eventPublisher: { readonly isConnected: boolean };
  readonly publisher: {
    readonly isConnected: boolean;
    readonly pending: number;
  };
  readonly server: {
    readonly isConnected: boolean;
    readonly inWork: number;
    readonly counts: Readonly<Record<string, number>>;
  };
  readonly services: readonly BackendServices[];
}

/** A page of metrics is not kept waiting for longer by an array that is away. */
const freeBytesMs = 3000;

/** Adds the gauges of a daemon to its metrics. */
export function addGauges(metrics: Metrics, sources: GaugeSources): void {
  for (const reading of [
    ...cacheGauges(sources),
    ...backendGauges(sources),
    ...sharedGauges(sources),
  ]) {
    metrics.addGauge(reading);
  }
}

function cacheGauges({ services }: GaugeSources): readonly GaugeReading[] {
  const byWord = (
    name: string,
    help: string,
    read: (each: BackendServices) => Promise<Readonly<Record<string, number>>>,
    label: "kind" | "limit",
  ): GaugeReading => ({
    name,
    help,
    read: async () =>
      (
        await Promise.all(
          services.map(async (each) =>
            Object.entries(await read(each)).map(([word, value]) => ({
              labels: { backend: each.backend.name, [label]: word },
              value,
            })),
          ),
        )
      ).flat(),
  });
  return [
    byWord(
      "ivc_cache_entries",
      "Image-volumes counted against the limit, and those reserved for by fills.",
      async ({ cache }) => {
        const use = await cache.use();
        return { entries: use.entriesCount, reserved: use.reservedCount };
      },
      "kind",
    ),
    byWord(
      "ivc_cache_bytes",
      "Bytes counted against the limit (GiB of virtual size, rounded up), and those reserved by fills.",
      async ({ cache }) => {
        const use = await cache.use();
        return {
          entries: use.entriesGb * bytesPerGb,
          reserved: use.reservedGb * bytesPerGb,
        };
      },
      "kind",
    ),
    byWord(
      "ivc_cache_limit",
      "The limits in bytes and entries; 0 is unlimited.",
      ({ settings: { limits } }) =>
        Promise.resolve({
          bytes: limits.maxSizeGb * bytesPerGb,
          entries: limits.maxCount,
        }),
      "limit",
    ),
  ];
}

function perBackend(
  services: readonly BackendServices[],
  name: string,
  help: string,
  read: (each: BackendServices) => Promise<number | null> | number,
): GaugeReading {
  return {
    name,
    help,
    read: async () => {
      const values = await Promise.all(
        services.map(async (each) => ({
          labels: { backend: each.backend.name },
          value: await read(each),
        })),
      );
      return values.flatMap(({ labels, value }) =>
        value === null ? [] : [{ labels, value }],
      );
    },
  };
}

function backendGauges({ services }: GaugeSources): readonly GaugeReading[] {
  return [
    perBackend(
      services,
      "ivc_cache_lru_tail_age_seconds",
      "Time since the least recently used image-volume was used; small values mean that the cache is too small.",
      async ({ cache }) => {
        const oldest = await cache.oldestUseMs();
        return oldest === null ? null : (Date.now() - oldest) / 1000;
      },
    ),
    perBackend(
      services,
      "ivc_backend_free_bytes",
      "Bytes free for new data, as the backend tells; absent where it does not.",
      async ({ backend }) =>
        await backend.freeBytes({ signal: AbortSignal.timeout(freeBytesMs) }),
    ),
    perBackend(
      services,
      "ivc_waiters",
      "Creates parked here until something changes.",
      ({ watch }) => watch.count,
    ),
    perBackend(
      services,
      "ivc_jobs_in_flight",
      "Jobs that this daemon works on.",
      ({ runner }) => runner.runningCount,
    ),
    perBackend(
      services,
      "ivc_jobs_open",
      "Open jobs in the journal, of all daemons.",
      async ({ jobs }) => await jobs.openCount(),
    ),
    perBackend(
      services,
      "ivc_outbox_depth",
      "Replies and events not yet confirmed by the broker.",
      async ({ outbox }) => await outbox.depth(),
    ),
    perBackend(
      services,
      "ivc_clones_in_flight",
      "Clones that run now.",
      ({ clones }) => clones.running,
    ),
  ];
}

function sharedGauges(sources: GaugeSources): readonly GaugeReading[] {
  const { services } = sources;
  return [
    {
      name: "ivc_copies_in_flight",
      help: "Copies from image sources that run now, and those that wait for a place.",
      read: () => {
        const copies = services[0]?.copies;
        return Promise.resolve([
          { labels: { kind: "running" }, value: copies?.running ?? 0 },
          { labels: { kind: "waiting" }, value: copies?.waiting ?? 0 },
        ]);
      },
    },
    {
      name: "ivc_messages",
      help: "Request messages since the start by what became of them: served, repeated, rejected (dead-lettered), returned, expired; and those in work.",
      read: () =>
        Promise.resolve(
          Object.entries({
            ...sources.server.counts,
            in_work: sources.server.inWork,
          }).map(([kind, value]) => ({ labels: { kind }, value })),
        ),
    },
    {
      name: "ivc_publications_pending",
      help: "Replies, heartbeats and passed-on requests that wait for the broker's confirmation.",
      read: () =>
        Promise.resolve([{ labels: {}, value: sources.publisher.pending }]),
    },
    {
      name: "ivc_connection_up",
      help: "1 while the connection works: redis, amqp_consume, amqp_publish, amqp_events.",
      read: () =>
        Promise.resolve([
          {
            labels: { connection: "redis" },
            value: Number(sources.redis.isReady),
          },
          {
            labels: { connection: "amqp_consume" },
            value: Number(sources.server.isConnected),
          },
          {
            labels: { connection: "amqp_publish" },
            value: Number(sources.publisher.isConnected),
          },
          {
            labels: { connection: "amqp_events" },
            value: Number(sources.eventPublisher.isConnected),
          },
        ]),
    },
  ];
}
