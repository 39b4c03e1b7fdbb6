import { beforeEach, describe, expect, it } from "@jest/globals";
import { eventually } from "../helpers/eventually.ts";
import {
  commitOf,
  eventOf,
  fillReady,
  openFill,
  openJob,
  unlimited,
  wanting,
  type NodeStores,
  type StoreRig,
} from "./store-kit.ts";

/** How every cache index has to choose, mark and forget what goes. */
export function cacheEvictionContract(
  name: string,
  makeRig: () => Promise<StoreRig>,
): void {
  describe(`evictions (${name})`, () => {
    let rig: StoreRig;
    let n1: NodeStores;
    let n2: NodeStores;
    beforeEach(async () => {
      rig = await makeRig();
      ({ n1, n2 } = rig);
    });

    it("evicts an entry that lost its last image id, after its leases", async () => {
      const fill = await fillReady(n1, "aa", { imageId: "i1" });
      const cloning = await openJob(n1);
      await n1.cache.acquire(wanting(cloning, "aa", { imageId: "i1" }));
      const job = await openJob(n2);
      const moved = await n2.cache.acquire(
        wanting(job, "bb", { imageId: "i1" }),
      );
      expect(moved).toMatchObject({ kind: "miss", staleKeys: [fill.entryKey] });
      expect(await n1.cache.get(fill.entryKey)).toMatchObject({
        state: "evicting",
        evictReason: "stale",
        aliases: [],
      });
      expect((await n1.cache.findByImageId("i1"))?.content).toBe(
        "sha256:bb/raw",
      );
      const late = await openJob(n1);
      const refused = await n1.cache.acquire(wanting(late, "aa"));
      expect(refused.kind).toBe("evicting");
      const held = await n1.cache.acquire(
        wanting(cloning, "aa", { imageId: "i1" }),
      );
      expect(held.kind).toBe("hit");
      expect(await n1.cache.claimEvictions(10, 1_000)).toEqual([]);
      await n1.cache.releaseLease(fill.entryKey, cloning.id, cloning.token);
      await eventually("the stale entry is handed out", async () => {
        await rig.advance(100);
        const due = await n1.cache.claimEvictions(10, 1_000);
        return due.some((entry) => entry.key === fill.entryKey);
      });
    });

    it("keeps what a create fills again after it found the image-volume lost", async () => {
      const lost = await fillReady(n1, "aa", { imageId: "i1" });
      const job = await openJob(n1);
      await n1.cache.acquire(wanting(job, "aa", { imageId: "i1" }));
      await n1.cache.markEvicting(lost.entryKey, "lost", true, lost.fillId);
      await n1.cache.evictionDone(lost.entryKey, `image-${lost.fillId}`, []);
      const again = wanting(job, "aa", { imageId: "i1" });
      expect((await n1.cache.acquire(again)).kind).toBe("miss");
      const { entryKey, fillId } = again;
      const token = (await n1.jobs.get(fillId))?.job?.token ?? 0;
      const fill = { entryKey, fillId, token };
      const limits = { maxSizeGb: 0, maxCount: 0 };
      await n1.cache.reserve({ ...fill, sizeGb: 1, limits });
      await n1.cache.commit(commitOf(fill));
      expect(await n1.cache.get(entryKey)).toMatchObject({
        state: "ready",
        aliases: ["i1"],
      });
      const late = await n1.cache.markEvicting(
        entryKey,
        "lost",
        true,
        lost.fillId,
      );
      expect(late.kind).toBe("absent");
    });

    it("leaves the lease to the heir of a job that was taken over", async () => {
      const fill = await fillReady(n1, "aa", { imageId: "i1" });
      const job = await openJob(n1);
      await n1.cache.acquire(wanting(job, "aa", { imageId: "i1" }));
      await n1.jobs.release(job.id, job.token);
      const [heir] = await n2.jobs.claimDue(10);
      expect(heir?.id).toBe(job.id);
      await n1.cache.releaseLease(fill.entryKey, job.id, job.token);
      expect(await n1.cache.leaseCount(fill.entryKey)).toBe(1);
    });

    it("keeps an entry that another image id stands for", async () => {
      const fill = await fillReady(n1, "aa", { imageId: "i1" });
      const other = await openJob(n1);
      await n1.cache.acquire(wanting(other, "aa", { imageId: "i2" }));
      const job = await openJob(n1);
      const moved = await n1.cache.acquire(
        wanting(job, "bb", { imageId: "i1" }),
      );
      expect(moved.staleKeys).toEqual([]);
      expect(await n1.cache.get(fill.entryKey)).toMatchObject({
        state: "ready",
        aliases: ["i2"],
      });
    });

    it("is not turned back by a job that waited for the older version", async () => {
      const old = await openFill(n1, "aa", "i1");
      const job = await openJob(n1);
      await n1.cache.acquire(wanting(job, "bb", { imageId: "i1" }));
      await n1.cache.acquire(wanting(old.create, "aa", { imageId: "i1" }));
      expect((await n1.cache.findByImageId("i1"))?.content).toBe(
        "sha256:bb/raw",
      );
      const { entryKey, fillId, token } = old;
      const room = { entryKey, fillId, token, sizeGb: 1, limits: unlimited };
      await n1.cache.reserve(room);
      await n1.cache.commit(commitOf(old));
      expect(await n1.cache.get(entryKey)).toMatchObject({
        state: "evicting",
        evictReason: "stale",
      });
      const served = wanting(old.create, "aa", {
        imageId: "i1",
        awaited: fillId,
      });
      expect((await n1.cache.acquire(served)).kind).toBe("hit");
    });

    it("evicts the least recently used that nobody leases, before it reserves", async () => {
      const leased = await fillReady(n1, "01", { sizeGb: 2, keepLease: true });
      await rig.advance(2);
      const oldest = await fillReady(n1, "02", { sizeGb: 2 });
      await rig.advance(2);
      await fillReady(n1, "03", { sizeGb: 2 });
      expect(await n1.cache.oldestUseMs()).toEqual(
        (await n1.cache.get(leased.entryKey))?.usedAtMs,
      );
      const fill = await openFill(n1, "04");
      const { entryKey, fillId, token } = fill;
      const ask = async (sizeGb: number, maxSizeGb: number, maxCount = 0) =>
        await n1.cache.reserve({
          entryKey,
          fillId,
          token,
          sizeGb,
          limits: { maxSizeGb, maxCount },
        });
      expect(await ask(7, 6)).toEqual({ kind: "never-fits" });
      expect(await ask(6, 6)).toEqual({ kind: "no-room-now" });
      expect(await ask(2, 6)).toMatchObject({
        kind: "evict-first",
        victims: [{ key: oldest.entryKey, evictReason: "lru" }],
      });
      expect(await ask(2, 6)).toEqual({ kind: "evictions-pending" });
      const victim = await n1.cache.get(oldest.entryKey);
      const told = eventOf("image_volume_cache.evict");
      const done = await n1.cache.evictionDone(
        oldest.entryKey,
        victim?.providerId ?? "",
        [told],
      );
      expect(done).toMatchObject([{ kind: "event", event: told }]);
      expect(
        await n1.cache.evictionDone(oldest.entryKey, "again", [told]),
      ).toEqual([]);
      expect(await n1.cache.get(oldest.entryKey)).toBeNull();
      expect(await n1.volumes.get(victim?.imageVolumeId ?? "")).toBeNull();
      expect(await ask(2, 6)).toEqual({ kind: "reserved" });
      expect(await ask(1, 6)).toEqual({ kind: "reserved" });
      expect((await n1.cache.use()).reservedGb).toBe(1);
    });

    it("evicts down to limits that were lowered", async () => {
      const keys = [];
      for (const hash of ["01", "02", "03"]) {
        keys.push((await fillReady(n1, hash)).entryKey);
        await rig.advance(2);
      }
      const fill = await openFill(n1, "04");
      const { entryKey, fillId, token } = fill;
      const limits = { maxSizeGb: 0, maxCount: 2 };
      const room = { entryKey, fillId, token, sizeGb: 1, limits };
      expect(await n1.cache.reserve(room)).toMatchObject({
        kind: "evict-first",
        victims: [
          { key: keys[0], evictReason: "limit" },
          { key: keys[1], evictReason: "limit" },
        ],
      });
    });

    it("counts on no eviction that the backend refused", async () => {
      const stuck = await fillReady(n1, "01", { sizeGb: 2 });
      await rig.advance(2);
      const other = await fillReady(n1, "02", { sizeGb: 2 });
      const fill = await openFill(n1, "03");
      const { entryKey, fillId, token } = fill;
      const limits = { maxSizeGb: 4, maxCount: 0 };
      const room = { entryKey, fillId, token, sizeGb: 2, limits };
      await n1.cache.reserve(room);
      await n1.cache.evictionFailed(stuck.entryKey, 200);
      expect(await n1.cache.reserve(room)).toMatchObject({
        kind: "evict-first",
        victims: [{ key: other.entryKey }],
      });
      expect((await n1.cache.use()).entriesGb).toBe(4);
      await rig.advance(250);
      const due = await n1.cache.claimEvictions(10, 1_000);
      expect(due.map((entry) => entry.key)).toEqual([stuck.entryKey]);
      expect(await n1.cache.claimEvictions(10, 1_000)).toEqual([]);
    });

    it("takes no entry out of service that is cloned from, unless it is lost", async () => {
      const fill = await fillReady(n1, "aa", { keepLease: true });
      const mark = async (isLost: boolean) =>
        await n1.cache.markEvicting(fill.entryKey, "manual", isLost, null);
      expect(await mark(false)).toEqual({ kind: "busy", leases: 1 });
      expect(await mark(true)).toMatchObject({
        kind: "evicting",
        entry: { key: fill.entryKey, evictReason: "manual" },
      });
      const again = await n1.cache.acquire(wanting(fill.create, "aa"));
      expect(again.kind).toBe("evicting");
      expect(await n1.cache.claimEvictions(10, 1_000)).toHaveLength(1);
      const absent = await n1.cache.markEvicting("none", "manual", false, null);
      expect(absent).toEqual({ kind: "absent" });
      const filling = await openFill(n1, "bb");
      expect(
        await n1.cache.markEvicting(filling.entryKey, "manual", true, null),
      ).toEqual({ kind: "filling" });
    });
  });
}
