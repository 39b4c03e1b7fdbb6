import { beforeEach, describe, expect, it } from "@jest/globals";
import { faultOf, ImageError } from "../../daemon/errors.ts";
import { contentKey } from "../../daemon/image.ts";
import type { Hint } from "../../daemon/jobs/hints.ts";
import { eventually } from "../helpers/eventually.ts";
import {
  commitOf,
  eventOf,
  fillReady,
  openFill,
  openJob,
  shortTimes,
  unlimited,
  wanting,
  type NodeStores,
  type StoreRig,
} from "./store-kit.ts";

const fault = faultOf(new ImageError("IMAGE_CORRUPT", "bad hash"));

/** What every cache index has to do. */
export function cacheStoreContract(
  name: string,
  makeRig: () => Promise<StoreRig>,
): void {
  describe(`cache store (${name})`, () => {
    let rig: StoreRig;
    let n1: NodeStores;
    let n2: NodeStores;
    beforeEach(async () => {
      rig = await makeRig();
      ({ n1, n2 } = rig);
    });

    it("opens one fill for all who want a content", async () => {
      const fill = await openFill(n1, "aa");
      const second = await openJob(n2);
      const joined = await n2.cache.acquire(wanting(second, "aa"));
      expect(joined).toEqual({
        kind: "filling",
        fillId: fill.fillId,
        staleKeys: [],
      });
      expect(await n1.cache.waiterCount(fill.entryKey)).toBe(2);
      const entry = await n1.cache.get(fill.entryKey);
      expect(entry).toMatchObject({ state: "filling", imageVolumeId: null });
      expect((await n1.jobs.get(fill.create.id))?.job).toMatchObject({
        openedFill: true,
        entryKey: fill.entryKey,
        fillId: fill.fillId,
      });
      expect((await n2.jobs.get(second.id))?.job).toMatchObject({
        openedFill: false,
        fillId: fill.fillId,
      });
      expect((await n1.jobs.get(fill.fillId))?.job).toMatchObject({
        node: "n1",
        request: { kind: "fill", content: "sha256:aa/raw" },
      });
    });

    it("answers a repeated acquire as before and a lost claim with lost", async () => {
      const job = await openJob(n1);
      const wanted = wanting(job, "aa");
      expect((await n1.cache.acquire(wanted)).kind).toBe("miss");
      expect((await n1.cache.acquire(wanted)).kind).toBe("miss");
      expect(await n1.cache.waiterCount(wanted.entryKey)).toBe(1);
      const late = { ...wanted, token: job.token - 1 };
      expect((await n1.cache.acquire(late)).kind).toBe("lost");
    });

    it("leases the image-volume to everybody who waited, at commit", async () => {
      const fill = await openFill(n1, "aa");
      const second = await openJob(n2);
      const wanted = wanting(second, "aa", { awaited: fill.fillId });
      await n2.cache.acquire(wanted);
      const { entryKey, fillId, token } = fill;
      const room = { entryKey, fillId, token, sizeGb: 3, limits: unlimited };
      expect(await n1.cache.reserve(room)).toEqual({ kind: "reserved" });
      expect(await n1.cache.use()).toEqual({
        entriesGb: 0,
        entriesCount: 0,
        reservedGb: 3,
        reservedCount: 1,
      });
      const event = eventOf("image_volume_cache.fill.end");
      const commit = { ...commitOf(fill, 2), events: [event] };
      const done = await n1.cache.commit(commit);
      expect(done).toMatchObject({
        kind: "committed",
        rows: [{ kind: "event", event }],
      });
      expect(await n1.cache.use()).toEqual({
        entriesGb: 2,
        entriesCount: 1,
        reservedGb: 0,
        reservedCount: 0,
      });
      expect(await n1.cache.leaseCount(entryKey)).toBe(2);
      expect(await n1.cache.waiterCount(entryKey)).toBe(0);
      const hit = await n2.cache.acquire(wanted);
      expect(hit).toMatchObject({
        kind: "hit",
        entry: {
          state: "ready",
          providerId: `image-${fillId}`,
          imageVolumeId: `volume-of-${fillId}`,
          sizeGb: 2,
          virtualSizeBytes: 123,
          aliases: ["image-aa"],
          hits: 1,
        },
      });
      expect((await n1.jobs.get(fillId))?.isDone).toBe(true);
      const record = await n1.volumes.get(`volume-of-${fillId}`);
      expect(record).toMatchObject({
        role: "image-volume",
        status: "available",
        projectId: "internal",
        name: "image-image-aa",
        jobId: fillId,
      });
      expect((await n1.cache.commit(commit)).kind).toBe("committed");
      expect((await n1.cache.use()).entriesCount).toBe(1);
    });

    it("refuses to commit more than was reserved", async () => {
      const fill = await openFill(n1, "aa");
      await expect(n1.cache.commit(commitOf(fill))).rejects.toThrow("reserved");
    });

    it("counts a hit once per job and not for the opener", async () => {
      const fill = await fillReady(n1, "aa", { keepLease: true });
      await n1.cache.acquire(wanting(fill.create, "aa"));
      const job = await openJob(n2);
      await n2.cache.acquire(wanting(job, "aa"));
      const again = await n2.cache.acquire(wanting(job, "aa"));
      expect(again).toMatchObject({ kind: "hit", entry: { hits: 1 } });
      expect((await n2.jobs.get(job.id))?.job).toMatchObject({
        fillId: null,
        entryKey: fill.entryKey,
      });
    });

    it("tells a failure to those who waited, and to later ones while it is remembered", async () => {
      const fill = await openFill(n1, "aa");
      const waiter = await openJob(n1);
      await n1.cache.acquire(wanting(waiter, "aa"));
      const end = { kind: "failed", fault, rememberMs: 300 } as const;
      const ended = await n1.cache.abandonFill({ ...fill, end, events: [] });
      expect(ended.kind).toBe("abandoned");
      expect(await n1.cache.get(fill.entryKey)).toBeNull();
      const newcomer = await openJob(n1);
      const asked = await n1.cache.acquire(wanting(newcomer, "aa"));
      expect(asked).toEqual({ kind: "failed", fault, staleKeys: [] });
      await rig.advance(350);
      const retried = await n1.cache.acquire(wanting(newcomer, "aa"));
      expect(retried.kind).toBe("miss");
      const told = wanting(waiter, "aa", { awaited: fill.fillId });
      expect((await n1.cache.acquire(told)).kind).toBe("failed");
    });

    it("tells a bypass only to those who waited, and frees the room", async () => {
      const fill = await openFill(n1, "aa");
      const { entryKey, fillId, token } = fill;
      const room = { entryKey, fillId, token, sizeGb: 3, limits: unlimited };
      await n1.cache.reserve(room);
      const end = { kind: "bypass", reason: "no-room-now" } as const;
      await n1.cache.abandonFill({ ...fill, end, events: [] });
      expect((await n1.cache.use()).reservedGb).toBe(0);
      const told = wanting(fill.create, "aa", { awaited: fill.fillId });
      expect(await n1.cache.acquire(told)).toMatchObject({
        kind: "bypass",
        reason: "no-room-now",
      });
      const newcomer = await openJob(n1);
      const asked = await n1.cache.acquire(wanting(newcomer, "aa"));
      expect(asked.kind).toBe("miss");
      expect((await n1.cache.commit(commitOf(fill))).kind).toBe("lost");
    });

    it("lets leases and places of silent jobs expire", async () => {
      const fill = await fillReady(n1, "aa", { keepLease: true });
      await rig.advance(shortTimes.leaseTtlMs + 100);
      expect(await n1.cache.leaseCount(fill.entryKey)).toBe(0);
      const marked = await n1.cache.markEvicting(
        fill.entryKey,
        "manual",
        false,
        null,
      );
      expect(marked.kind).toBe("evicting");
    });

    it("lets few copies bypass the cache at a time", async () => {
      const enter = async (jobId: string) =>
        await n1.cache.enterBypass(contentKey("x"), jobId, 2, 400);
      expect(await enter("a")).toBe("go");
      expect(await enter("b")).toBe("go");
      expect(await enter("c")).toBe("wait");
      expect(await enter("a")).toBe("go");
      await n1.cache.leaveBypass(contentKey("x"), "a");
      expect(await enter("c")).toBe("go");
      await rig.advance(450);
      expect(await enter("d")).toBe("go");
      const { entryKey } = await fillReady(n1, "aa");
      expect(await n1.cache.enterBypass(entryKey, "a", 2, 400)).toBe("ready");
    });

    it("gives a fill that was taken over to the new owner alone", async () => {
      const fill = await openFill(n1, "aa");
      const { entryKey, fillId, token } = fill;
      const room = { entryKey, fillId, token, sizeGb: 1, limits: unlimited };
      await n1.cache.reserve(room);
      await rig.advance(shortTimes.claimTtlMs + 100);
      const due = await n2.jobs.claimDue(10);
      const taken = due.find((job) => job.id === fillId);
      expect(taken).toMatchObject({ takeovers: 1, node: "n2" });
      expect((await n1.cache.commit(commitOf(fill))).kind).toBe("lost");
      expect((await n1.cache.reserve(room)).kind).toBe("lost");
      const end = { kind: "bypass", reason: "x" } as const;
      const late = await n1.cache.abandonFill({ ...fill, end, events: [] });
      expect(late.kind).toBe("lost");
      const newToken = taken?.token ?? 0;
      expect(newToken).toBeGreaterThan(token);
      const own = { ...fill, token: newToken };
      expect((await n2.cache.commit(commitOf(own))).kind).toBe("committed");
    });

    it("lists all entries, the most recently used first", async () => {
      const first = await fillReady(n1, "01");
      await rig.advance(2);
      const second = await fillReady(n1, "02");
      await rig.advance(2);
      const gone = await fillReady(n1, "03");
      await n1.cache.markEvicting(gone.entryKey, "manual", false, null);
      const filling = await openFill(n1, "04");
      const listed = await n1.cache.list();
      expect(listed.map((entry) => entry.key)).toEqual([
        second.entryKey,
        first.entryKey,
        filling.entryKey,
        gone.entryKey,
      ]);
    });

    it("hints at what changed, to all nodes", async () => {
      const hints: Hint[] = [];
      const stop = n2.hints.listen((hint) => hints.push(hint));
      const { entryKey } = await fillReady(n1, "aa");
      await eventually("a hint came", () => hints.length > 0);
      stop();
      expect(hints).toContainEqual({ kind: "entry", entryKey });
    });
  });
}
