import type {
  CacheEntry,
  CacheUse,
  EvictReason,
} from "../cache/cache-entry.ts";
import type {
  AbandonFill,
  Acquire,
  Acquired,
  CacheStore,
  Commit,
  Evicting,
  Reserve,
  Reserved,
} from "../cache/cache-store.ts";
import type { EventMessage } from "../jobs/job.ts";
import type { OutboxRow } from "../jobs/outbox.ts";
import { acquireEntry } from "./acquire-entry.ts";
import { entryOf } from "./entry-fields.ts";
import {
  claimEviction,
  deferEviction,
  forgetEntry,
  markEntryEvicting,
} from "./eviction-scripts.ts";
import { abandonEntry, commitFill, reserveRoom } from "./fill-scripts.ts";
import { readHashes } from "./read-hashes.ts";
import {
  storeScope,
  type RedisStoreOptions,
  type StoreScope,
} from "./store-scope.ts";
import {
  countLiving,
  dueMembers,
  freeBypassPlace,
  releaseEntryLease,
  takeBypassPlace,
} from "./waiting-scripts.ts";

/** How many least recently used entries a reserve looks at: first few, then more. */
const candidateSteps = [64, 256, 1_024];

/** The cache index of one backend in Redis. */
export class RedisCacheStore implements CacheStore {
  readonly #scope: StoreScope;

  constructor(options: RedisStoreOptions) {
    this.#scope = storeScope(options);
  }

  async acquire(acquire: Acquire): Promise<Acquired> {
    return await acquireEntry(this.#scope, acquire);
  }

  async releaseLease(
    entryKey: string,
    jobId: string,
    token: number,
  ): Promise<void> {
    await releaseEntryLease(this.#scope, { entryKey, jobId, token });
  }

  async reserve(reserve: Reserve): Promise<Reserved> {
    const { redis, keys } = this.#scope;
    let reserved = await reserveRoom(this.#scope, {
      ...reserve,
      candidates: [],
    });
    for (const step of candidateSteps) {
      if (reserved.kind !== "no-room-now") {
        break;
      }
      const candidates = await redis.call(
        async (client) =>
          await client.zrange(keys.recency, 0, String(step - 1)),
      );
      reserved = await reserveRoom(this.#scope, { ...reserve, candidates });
      if (candidates.length < step) {
        break;
      }
    }
    return reserved;
  }

  async commit(
    commit: Commit,
  ): Promise<
    | { readonly kind: "committed"; readonly rows: readonly OutboxRow[] }
    | { readonly kind: "lost" }
  > {
    const fields = await this.#fields(commit.entryKey);
    const { image_volume_id: imageVolumeId, image_id, content } = fields;
    if (imageVolumeId === undefined) {
      return { kind: "lost" };
    }
    const rows = await commitFill(this.#scope, {
      ...commit,
      imageVolumeId,
      imageId: image_id ?? "",
      content: content ?? "",
    });
    return rows === null ? { kind: "lost" } : { kind: "committed", rows };
  }

  async abandonFill(
    abandon: AbandonFill,
  ): Promise<
    | { readonly kind: "abandoned"; readonly rows: readonly OutboxRow[] }
    | { readonly kind: "lost" }
  > {
    const entry = await this.get(abandon.entryKey);
    const aliases = entry?.aliases ?? [];
    const rows = await abandonEntry(this.#scope, { ...abandon, aliases });
    return rows === null ? { kind: "lost" } : { kind: "abandoned", rows };
  }

  async waiterCount(entryKey: string): Promise<number> {
    const key = this.#scope.keys.waiters(entryKey);
    return await countLiving(this.#scope, { key });
  }

  async markEvicting(
    entryKey: string,
    reason: EvictReason,
    ignoreLeases: boolean,
    fillId: string | null,
  ): Promise<Evicting> {
    return await markEntryEvicting(this.#scope, {
      entryKey,
      reason,
      ignoreLeases,
      fillId,
    });
  }

  async claimEvictions(
    limit: number,
    retryMs: number,
  ): Promise<readonly CacheEntry[]> {
    const key = this.#scope.keys.evicting;
    const due = await dueMembers(this.#scope, { key, limit });
    const claimed: CacheEntry[] = [];
    for (const entryKey of due) {
      const entry = await claimEviction(this.#scope, { entryKey, retryMs });
      if (entry !== null) {
        claimed.push(entry);
      }
    }
    return claimed;
  }

  async evictionDone(
    entryKey: string,
    providerId: string,
    events: readonly EventMessage[],
  ): Promise<readonly OutboxRow[]> {
    const entry = await this.get(entryKey);
    if (entry === null || entry.imageVolumeId === null) {
      return [];
    }
    const { redis, keys } = this.#scope;
    const { imageVolumeId, aliases } = entry;
    const project = await redis.call(
      async (client) =>
        await client.hget(keys.volume(imageVolumeId), "projectId"),
    );
    return await forgetEntry(this.#scope, {
      entryKey,
      providerId,
      imageVolumeId,
      projectId:
        project === null ? null : (JSON.parse(project) as string | null),
      aliases,
      events,
    });
  }

  async evictionFailed(entryKey: string, retryMs: number): Promise<void> {
    await deferEviction(this.#scope, { entryKey, retryMs });
  }

  async enterBypass(
    entryKey: string,
    jobId: string,
    maxParallel: number,
    ttlMs: number,
  ): Promise<"go" | "wait" | "ready"> {
    return await takeBypassPlace(this.#scope, {
      entryKey,
      jobId,
      maxParallel,
      ttlMs,
    });
  }

  async leaveBypass(entryKey: string, jobId: string): Promise<void> {
    await freeBypassPlace(this.#scope, { entryKey, jobId });
  }

  async get(entryKey: string): Promise<CacheEntry | null> {
    return entryOf(entryKey, await this.#fields(entryKey));
  }

  async findByImageId(imageId: string): Promise<CacheEntry | null> {
    const { redis, keys } = this.#scope;
    const entryKey = await redis.call(
      async (client) => await client.get(keys.alias(imageId)),
    );
    return entryKey === null ? null : await this.get(entryKey);
  }

  async leaseCount(entryKey: string): Promise<number> {
    const key = this.#scope.keys.leases(entryKey);
    return await countLiving(this.#scope, { key });
  }

  async list(): Promise<readonly CacheEntry[]> {
    const { redis, keys } = this.#scope;
    const lists = await redis.call(
      async (client) =>
        await Promise.all([
          client.zrevrange(keys.recency, 0, -1),
          client.zrange(keys.filling, 0, "-1"),
          client.zrange(keys.evicting, 0, "-1"),
        ]),
    );
    const entryKeys = [...new Set(lists.flat())];
    const hashes = await readHashes(
      redis,
      entryKeys.map((key) => keys.entry(key)),
    );
    return entryKeys.flatMap((key, i) => {
      const entry = entryOf(key, hashes[i] ?? {});
      return entry === null ? [] : [entry];
    });
  }

  async use(): Promise<CacheUse> {
    const { redis, keys } = this.#scope;
    const use = await redis.call(
      async (client) => await client.hgetall(keys.use),
    );
    return {
      entriesGb: Number(use["entries_gb"] ?? 0),
      entriesCount: Number(use["entries_count"] ?? 0),
      reservedGb: Number(use["reserved_gb"] ?? 0),
      reservedCount: Number(use["reserved_count"] ?? 0),
    };
  }

  async oldestUseMs(): Promise<number | null> {
    const { redis, keys } = this.#scope;
    const [, usedAtMs] = await redis.call(
      async (client) => await client.zrange(keys.recency, 0, "0", "WITHSCORES"),
    );
    return usedAtMs === undefined ? null : Number(usedAtMs);
  }

  async #fields(entryKey: string): Promise<Record<string, string>> {
    const { redis, keys } = this.#scope;
    return await redis.call(
      async (client) => await client.hgetall(keys.entry(entryKey)),
    );
  }
}
