import type { CacheEntry } from "../../cache/cache-entry.ts";
import { RequestError } from "../../errors.ts";
import type { BackendServices } from "../../flows/backend-services.ts";
import { contentKey } from "../../image.ts";
import type { HandlerResult, RpcHandler, RpcRequest } from "../rpc-request.ts";
import { ArgumentReader } from "./argument-reader.ts";
import { evictEntry, notCached } from "./evict-entry.ts";
import {
  answer,
  type HandlerTools,
  isForward,
  requireAdmin,
  servicesFor,
} from "./handler-tools.ts";

const maxPage = 1000;

/** Answers `cache_list`: the entries of a backend, most recently used first, a page at a time. */
export function cacheListHandler(tools: HandlerTools): RpcHandler {
  return cacheHandler(tools, (args) => {
    const limit = args.wholeNumber("limit", 1, maxPage) ?? maxPage;
    const marker = args.text("marker");
    args.done();
    return async (services) => {
      const entries = await services.cache.list();
      const from = entries.findIndex((entry) => entry.key === marker) + 1;
      if (marker !== null && from === 0) {
        throw new RequestError(
          "ARG_INVALID",
          "marker: this entry is not in the cache any more; start over without it",
        );
      }
      const page = entries.slice(from, from + limit);
      return {
        entries: await Promise.all(
          page.map(async (entry) => await entryView(services, entry)),
        ),
        next_marker:
          from + limit < entries.length ? (page.at(-1)?.key ?? null) : null,
      };
    };
  });
}

/** Answers `cache_show`: one entry, by content or image id. */
export function cacheShowHandler(tools: HandlerTools): RpcHandler {
  return cacheHandler(tools, (args) => {
    const wanted = readWanted(args);
    args.done();
    return async (services) =>
      await entryView(services, await findEntry(services, wanted));
  });
}

/** Answers `cache_evict`: the entry is gone, confirmed by the backend, when the answer comes. */
export function cacheEvictHandler(tools: HandlerTools): RpcHandler {
  return cacheHandler(tools, (args) => {
    const wanted = readWanted(args);
    args.done();
    return async (services) => {
      const entry = await findEntry(services, wanted);
      await evictEntry(services, entry.key, wanted.what);
      const { key, content, imageId } = entry;
      return { key, content, image_id: imageId, status: "evicted" };
    };
  });
}

/** Answers `cache_stats`: use, limits, requests served, age of the least recently used entry. */
export function cacheStatsHandler(tools: HandlerTools): RpcHandler {
  return cacheHandler(tools, (args) => {
    args.done();
    return statsView;
  });
}

function cacheHandler(
  tools: HandlerTools,
  read: (
    args: ArgumentReader,
  ) => (services: BackendServices) => Promise<unknown>,
): RpcHandler {
  return async (request: RpcRequest): Promise<HandlerResult> => {
    requireAdmin(request);
    const args = new ArgumentReader(request.method, request.args);
    const backend = args.text("backend") ?? tools.registry.defaultName;
    const serve = read(args);
    const services = servicesFor(tools, request, backend);
    return isForward(services) ? services : answer(await serve(services));
  };
}

interface Wanted {
  readonly what: string;
  readonly content: string | null;
  readonly imageId: string | null;
}

function readWanted(args: ArgumentReader): Wanted {
  const content = args.text("content", 512);
  const imageId = args.text("image_id");
  const what = content ?? imageId;
  if (content !== null && imageId !== null) {
    throw new RequestError(
      "ARG_INVALID",
      "content and image_id exclude each other",
    );
  }
  if (what === null) {
    throw new RequestError(
      "ARG_MISSING",
      "name the entry by either content or image_id; cache_list shows both",
    );
  }
  return { what, content, imageId };
}

async function findEntry(
  services: BackendServices,
  wanted: Wanted,
): Promise<CacheEntry> {
  const entry =
    wanted.content === null
      ? await services.cache.findByImageId(wanted.imageId ?? "")
      : await services.cache.get(contentKey(wanted.content));
  if (entry === null) {
    throw notCached(wanted.what, services.backend.name);
  }
  return entry;
}

async function entryView(
  services: BackendServices,
  entry: CacheEntry,
): Promise<Readonly<Record<string, unknown>>> {
  const [leases, waiters] = await Promise.all([
    services.cache.leaseCount(entry.key),
    services.cache.waiterCount(entry.key),
  ]);
  return {
    backend: services.backend.name,
    key: entry.key,
    content: entry.content,
    state: entry.state,
    image_volume_id: entry.imageVolumeId,
    provider_id: entry.providerId,
    size_gb: entry.sizeGb,
    virtual_size_bytes: entry.virtualSizeBytes,
    image_id: entry.imageId,
    aliases: entry.aliases,
    hits: entry.hits,
    created_at: new Date(entry.createdAtMs).toISOString(),
    used_at: new Date(entry.usedAtMs).toISOString(),
    leases,
    waiters,
    evict_reason: entry.evictReason,
  };
}

async function statsView(services: BackendServices): Promise<unknown> {
  const { backend, settings, cache, jobs, outbox } = services;
  const [use, oldest, openJobs, outboxDepth] = await Promise.all([
    cache.use(),
    cache.oldestUseMs(),
    jobs.openCount(),
    outbox.depth(),
  ]);
  const counts = services.meter.counts();
  const served = counts.hit + counts.coalesced + counts.miss + counts.bypass;
  return {
    backend: backend.name,
    host: backend.host,
    enabled: settings.cacheEnabled,
    clone: backend.capabilities.clone,
    max_size_gb: settings.limits.maxSizeGb,
    max_count: settings.limits.maxCount,
    entries: use.entriesCount,
    size_gb: use.entriesGb,
    reserved_count: use.reservedCount,
    reserved_gb: use.reservedGb,
    lru_tail_age_s:
      oldest === null ? null : Math.round((Date.now() - oldest) / 1000),
    waiters: services.watch.count,
    open_jobs: openJobs,
    outbox: outboxDepth,
    requests: counts,
    hit_ratio: served === 0 ? null : (counts.hit + counts.coalesced) / served,
  };
}
