import assert from "node:assert/strict";
import { describe, expect, it } from "@jest/globals";
import { silentLogger } from "../../../daemon/logger.ts";
import { connectRedis } from "../../../daemon/redis/connection.ts";
import {
  commitOf,
  newCreate,
  wanting,
  type NodeStores,
} from "../../contract/store-kit.ts";
import {
  checkCounts,
  contents,
  limits,
} from "../../helpers/cache-comparison.ts";
import { redisStores } from "../../helpers/redis-rig.ts";
import { useRedis } from "../../helpers/use-redis.ts";

const server = useRedis();

describe("cache index in Redis", () => {
  it("holds its limits while many workers fill, clone and evict at once", async () => {
    await using redis = connectRedis({
      url: server.url,
      clientName: "ivc:test",
      logger: silentLogger,
    });
    const stores = redisStores(redis, "n1", {});
    await redis.call(async (client) => await client.ping());
    const served = { hit: 0, bypass: 0 };
    const worker = async (seed: number) => {
      for (let i = 0; i < 25; i += 1) {
        const pick = (seed * 7 + i * 13) % contents.length;
        const end = await liveOnce(
          stores,
          contents[pick] ?? "c0",
          1 + (pick % 3),
        );
        served[end] += 1;
        await checkCounts(stores.cache);
      }
    };
    await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(worker));
    expect(served.hit).toBeGreaterThan(20);
    const [use, entries] = [
      await stores.cache.use(),
      await stores.cache.list(),
    ];
    expect(use).toEqual({
      entriesGb: entries.reduce((sum, { sizeGb }) => sum + sizeGb, 0),
      entriesCount: entries.length,
      reservedGb: 0,
      reservedCount: 0,
    });
    expect(await stores.jobs.openCount()).toBe(0);
  });
});

/** One create from its journal entry to its end; a worker that opens a fill also does it. */
async function liveOnce(
  stores: NodeStores,
  hash: string,
  sizeGb: number,
): Promise<"hit" | "bypass"> {
  const opened = await stores.jobs.openCreate(newCreate());
  if (opened.kind !== "opened") {
    throw new Error(opened.kind);
  }
  const { job } = opened;
  let awaited = "";
  for (;;) {
    const wanted = wanting(job, hash, { awaited });
    const acquired = await stores.cache.acquire(wanted);
    if (acquired.kind === "hit" || acquired.kind === "bypass") {
      if (acquired.kind === "hit") {
        const now = await stores.cache.get(wanted.entryKey);
        assert.equal(now?.providerId, acquired.entry.providerId);
      }
      await stores.jobs.finish({
        jobId: job.id,
        token: job.token,
        patch: { status: "available" },
        outcome: { kind: "result", result: null },
        events: [],
        releaseEntryKey: wanted.entryKey,
      });
      return acquired.kind;
    }
    if (acquired.kind === "miss") {
      await fillOnce(stores, acquired.fillId, wanted.entryKey, sizeGb);
    }
    if (acquired.kind === "miss" || acquired.kind === "filling") {
      awaited = acquired.fillId;
    }
  }
}

async function fillOnce(
  { cache, jobs }: NodeStores,
  fillId: string,
  entryKey: string,
  sizeGb: number,
): Promise<void> {
  const token = (await jobs.get(fillId))?.job?.token ?? 0;
  const fill = { fillId, entryKey, token };
  for (;;) {
    const room = await cache.reserve({ ...fill, sizeGb, limits });
    if (room.kind === "reserved") {
      const commit = commitOf(fill, sizeGb);
      assert.equal((await cache.commit(commit)).kind, "committed");
      return;
    }
    if (room.kind === "evict-first") {
      for (const { key, providerId } of room.victims) {
        assert.equal(await cache.leaseCount(key), 0);
        await cache.evictionDone(key, providerId ?? "", []);
      }
    }
    if (room.kind === "no-room-now") {
      const end = { kind: "bypass", reason: room.kind } as const;
      await cache.abandonFill({ ...fill, end, events: [] });
      return;
    }
  }
}
