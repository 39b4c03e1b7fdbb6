import { describe, expect, it } from "@jest/globals";
import { silentLogger } from "../../../daemon/logger.ts";
import {
  connectRedis,
  type RedisConnection,
} from "../../../daemon/redis/connection.ts";
import {
  access,
  commitOf,
  eventOf,
  newCreate,
  replyTo,
  unlimited,
  wanting,
} from "../../contract/store-kit.ts";
import { redisStores } from "../../helpers/redis-rig.ts";
import { useRedis } from "../../helpers/use-redis.ts";

const server = useRedis();

/** A connection that loses the first reply to everything: each command is sent a second time. */
function forgetful(redis: RedisConnection): RedisConnection {
  return {
    client: redis.client,
    isReady: true,
    call: async (operation, options) => {
      await redis.call(operation, options);
      return await redis.call(operation, options);
    },
    onChange: (listener) => redis.onChange(listener),
    subscriber: () => redis.subscriber(),
    [Symbol.asyncDispose]: async () => {},
  };
}

describe("scripts whose reply was lost", () => {
  it("answer the second time as the first, and do their work once", async () => {
    await using redis = connectRedis({
      url: server.url,
      clientName: "ivc:test",
      logger: silentLogger,
    });
    const { cache, jobs, outbox } = redisStores(forgetful(redis), "n1", {});
    const create = newCreate({ reply: replyTo("m1") });
    const opened = await jobs.openCreate(create);
    if (opened.kind !== "opened") {
      throw new Error(opened.kind);
    }
    const { job } = opened;
    const wanted = wanting(job, "aa");
    const { fillId, entryKey } = wanted;
    expect((await cache.acquire(wanted)).kind).toBe("miss");
    const token = (await jobs.get(fillId))?.job?.token ?? 0;
    const fill = { fillId, entryKey, token };
    const room = { ...fill, sizeGb: 2, limits: unlimited };
    expect((await cache.reserve(room)).kind).toBe("reserved");
    const commit = { ...commitOf(fill), events: [eventOf("fill.end")] };
    const committed = await cache.commit(commit);
    expect(committed).toMatchObject({ kind: "committed", rows: [{}] });
    expect(await cache.acquire(wanted)).toMatchObject({
      kind: "hit",
      entry: { hits: 0 },
    });
    const finished = await jobs.finish({
      jobId: job.id,
      token: job.token,
      patch: { status: "available" },
      outcome: { kind: "result", result: {} },
      events: [eventOf("miss")],
      releaseEntryKey: entryKey,
    });
    expect(finished).toMatchObject({
      kind: "finished",
      rows: [{ kind: "event" }, { kind: "reply", target: replyTo("m1") }],
    });
    expect(await outbox.depth()).toBe(3);
    expect(await cache.leaseCount(entryKey)).toBe(0);
    const remove = await jobs.openDelete({
      jobId: "delete-1",
      request: {
        kind: "delete",
        volumeId: create.request.volumeId,
        afterJobId: null,
      },
      access,
      reply: null,
    });
    expect(remove).toMatchObject({ kind: "opened", job: { id: "delete-1" } });
    expect(await cache.use()).toEqual({
      entriesGb: 1,
      entriesCount: 1,
      reservedGb: 0,
      reservedCount: 0,
    });
    expect(await jobs.openCount()).toBe(1);
  });

  it("abandon a fill and confirm an eviction once", async () => {
    await using redis = connectRedis({
      url: server.url,
      clientName: "ivc:test",
      logger: silentLogger,
    });
    const { cache, jobs, outbox } = redisStores(forgetful(redis), "n1", {});
    for (const end of ["abandoned", "evicted"]) {
      const opened = await jobs.openCreate(newCreate());
      const job = opened.kind === "opened" ? opened.job : null;
      const wanted = wanting(job ?? ({} as never), "aa");
      const { fillId, entryKey } = wanted;
      await cache.acquire(wanted);
      const token = (await jobs.get(fillId))?.job?.token ?? 0;
      const fill = { fillId, entryKey, token };
      await cache.reserve({ ...fill, sizeGb: 1, limits: unlimited });
      if (end === "abandoned") {
        await cache.abandonFill({
          ...fill,
          end: { kind: "bypass", reason: "no-room-now" },
          events: [eventOf("fill.error")],
        });
      } else {
        await cache.commit(commitOf(fill));
        await cache.markEvicting(entryKey, "lost", true, null);
        await cache.evictionFailed(entryKey, 0);
        await cache.evictionDone(entryKey, `image-${fillId}`, [
          eventOf("evict"),
        ]);
      }
      expect(await cache.use()).toEqual({
        entriesGb: 0,
        entriesCount: 0,
        reservedGb: 0,
        reservedCount: 0,
      });
      expect(await server.redis.hgetall("ivc:{file}:use")).toMatchObject(
        end === "evicted" ? { evicting_gb: "0", evicting_count: "0" } : {},
      );
    }
    expect(await outbox.depth()).toBe(2);
    expect(await server.redis.keys("ivc:{file}:alias:*")).toEqual([]);
  });

  it("forgets the oldest finished jobs above the bound", async () => {
    await using redis = connectRedis({
      url: server.url,
      clientName: "ivc:test",
      logger: silentLogger,
    });
    const { jobs } = redisStores(redis, "n1", { maxDoneJobs: 3 });
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      const opened = await jobs.openCreate(newCreate());
      if (opened.kind === "opened") {
        const { id, token } = opened.job;
        ids.push(id);
        await jobs.finish({
          jobId: id,
          token,
          patch: { status: "available" },
          outcome: { kind: "result", result: {} },
          events: [],
          releaseEntryKey: null,
        });
      }
    }
    await jobs.claimDue(1);
    const left = await Promise.all(
      ids.map(async (id) => (await jobs.get(id)) !== null),
    );
    expect(left.filter(Boolean)).toHaveLength(3);
  });
});
