import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { CancelledError, faultOf } from "../../daemon/errors.ts";
import type { Hint } from "../../daemon/jobs/hints.ts";
import type { Finish, VolumePatch } from "../../daemon/jobs/job-store.ts";
import type { Job } from "../../daemon/jobs/job.ts";
import { eventually } from "../helpers/eventually.ts";
import {
  access,
  eventOf,
  fillReady,
  newCreate,
  openFill,
  openJob,
  replyTo,
  shortTimes,
  wanting,
  type NodeStores,
  type StoreRig,
} from "./store-kit.ts";

const fault = faultOf(new CancelledError("stopped"));

function finishOf(job: Job, patch: VolumePatch): Finish {
  return {
    jobId: job.id,
    token: job.token,
    patch,
    outcome: { kind: "result", result: { list: [], none: null } },
    events: [],
    releaseEntryKey: null,
  };
}

function deleteOf(volumeId: string, jobId: string = randomUUID()) {
  return {
    jobId,
    request: { kind: "delete", volumeId, afterJobId: null },
    access,
    reply: replyTo(`delete-${jobId}`),
  } as const;
}

/** What every journal has to do. */
export function jobStoreContract(
  name: string,
  makeRig: () => Promise<StoreRig>,
): void {
  describe(`job store (${name})`, () => {
    let rig: StoreRig;
    let n1: NodeStores;
    let n2: NodeStores;
    beforeEach(async () => {
      rig = await makeRig();
      ({ n1, n2 } = rig);
    });

    it("journals a create with its record", async () => {
      const create = newCreate({ reply: replyTo("m1") });
      const job = await openJob(n1, create);
      expect(job).toMatchObject({
        id: create.jobId,
        request: create.request,
        access,
        node: "n1",
        takeovers: 0,
        attempts: [create.attempt],
        cancelled: false,
        fillId: null,
        progress: null,
      });
      expect(await n2.jobs.get(job.id)).toEqual({ job, isDone: false });
      expect(await n2.jobs.openCount()).toBe(1);
      expect(await n2.jobs.replyTargets(job.id)).toEqual([replyTo("m1")]);
      expect(await n2.volumes.get(create.request.volumeId)).toMatchObject({
        role: "volume",
        status: "creating",
        projectId: "p1",
        name: "disk {1}",
        metadata: { empty: "", list: "[]" },
        sizeGb: 2,
        imageId: "i1",
        timingsMs: {},
        fault: null,
        digest: "digest-1",
        jobId: job.id,
      });
    });

    it("joins an equal repeat and refuses another request for the id", async () => {
      const create = newCreate({ reply: replyTo("m1") });
      const job = await openJob(n1, create);
      const repeat = { ...create, jobId: randomUUID(), reply: replyTo("m2") };
      const running = { kind: "running", jobId: job.id };
      expect(await n2.jobs.openCreate(repeat)).toEqual(running);
      expect(await n2.jobs.openCreate(repeat)).toEqual(running);
      expect(await n2.jobs.openCreate({ ...create, reply: null })).toEqual(
        running,
      );
      const targets = await n1.jobs.replyTargets(job.id);
      expect(targets.map(({ msgId }) => msgId).toSorted()).toEqual([
        "m1",
        "m2",
      ]);
      expect(targets).toContainEqual(replyTo("m2"));
      const other = await n2.jobs.openCreate({ ...repeat, digest: "other" });
      expect(other).toMatchObject({ kind: "conflict" });
      const fill = await fillReady(n1, "aa");
      const taken = newCreate({ digest: "" });
      const volumeId = `volume-of-${fill.fillId}`;
      const onImageVolume = await n1.jobs.openCreate({
        ...taken,
        request: { ...taken.request, volumeId },
      });
      expect(onImageVolume.kind).toBe("conflict");
    });

    it("finishes a job once, with record, answers and events in order", async () => {
      const create = newCreate({ reply: replyTo("m1") });
      const job = await openJob(n1, create);
      await n2.jobs.openCreate({ ...create, reply: replyTo("m2") });
      const events = [eventOf("e1"), eventOf("e2")];
      const patch = {
        status: "available",
        providerId: "volume-1",
        path: "hit",
        timingsMs: { clone: 1.5 },
      } as const;
      const finish = { ...finishOf(job, patch), events };
      const late = { ...finish, token: job.token - 1 };
      expect(await n1.jobs.finish(late)).toEqual({ kind: "lost" });
      const done = await n1.jobs.finish(finish);
      const rows = done.kind === "finished" ? done.rows : [];
      const { outcome } = finish;
      expect(rows).toMatchObject([
        { kind: "event", event: events[0] },
        { kind: "event", event: events[1] },
        { kind: "reply", outcome },
        { kind: "reply", outcome },
      ]);
      const targets = rows.flatMap((row) =>
        row.kind === "reply" ? [row.target] : [],
      );
      expect(targets).toContainEqual(replyTo("m1"));
      expect(targets).toContainEqual(replyTo("m2"));
      const uniqueIds = rows.flatMap((row) =>
        row.kind === "reply" ? [row.uniqueId] : [],
      );
      expect(new Set(uniqueIds).size).toBe(2);
      expect(uniqueIds.every((id) => /^[0-9a-f]{32}$/u.test(id))).toBe(true);
      expect(await n1.outbox.depth()).toBe(4);
      expect(await n1.jobs.finish(finish)).toEqual({ kind: "already" });
      expect(await n1.outbox.depth()).toBe(4);
      expect((await n1.jobs.get(job.id))?.isDone).toBe(true);
      expect(await n1.jobs.openCount()).toBe(0);
      const repeat = { ...create, jobId: randomUUID() };
      expect(await n2.jobs.openCreate(repeat)).toMatchObject({
        kind: "finished",
        volume: { ...patch, sizeGb: 2 },
      });
    });

    it("gives the lease back with the job", async () => {
      const fill = await fillReady(n1, "aa");
      const job = await openJob(n1);
      await n1.cache.acquire(wanting(job, "aa"));
      expect(await n1.cache.leaseCount(fill.entryKey)).toBe(1);
      await n1.jobs.finish({
        ...finishOf(job, { status: "available" }),
        releaseEntryKey: fill.entryKey,
      });
      expect(await n1.cache.leaseCount(fill.entryKey)).toBe(0);
    });

    it("makes a failed volume again for a new message only", async () => {
      const create = newCreate();
      const job = await openJob(n1, create);
      await n1.jobs.finish(finishOf(job, { status: "error", fault }));
      const again = { ...create, jobId: randomUUID() };
      expect(await n1.jobs.openCreate(again)).toMatchObject({
        kind: "finished",
        volume: { status: "error", fault },
      });
      const anew = { ...again, uniqueId: "unique-2" };
      const reopened = await openJob(n1, anew);
      expect(reopened).toMatchObject({
        id: anew.jobId,
        isReopened: true,
        isNameTaken: false,
      });
      expect(await n1.volumes.get(create.request.volumeId)).toMatchObject({
        status: "creating",
        fault: null,
        jobId: anew.jobId,
      });
    });

    it("tells a create that is asked for again that the name was another's", async () => {
      const create = newCreate();
      const job = await openJob(n1, create);
      const taken = { ...fault, code: "VOLUME_EXISTS" };
      await n1.jobs.finish(finishOf(job, { status: "error", fault: taken }));
      const anew = { ...create, jobId: randomUUID(), uniqueId: "unique-2" };
      const opened = await openJob(n1, anew);
      expect(opened).toMatchObject({ isReopened: true, isNameTaken: true });
      await expect(n2.jobs.get(anew.jobId)).resolves.toMatchObject({
        job: { isNameTaken: true },
      });
    });

    it("does not make a volume again that could not be deleted", async () => {
      const create = newCreate();
      const { volumeId } = create.request;
      const job = await openJob(n1, create);
      await n1.jobs.finish(
        finishOf(job, { status: "available", providerId: "volume-1" }),
      );
      const opened = await n1.jobs.openDelete(deleteOf(volumeId));
      await n1.jobs.finish(
        finishOf(opened.kind === "opened" ? opened.job : job, {
          status: "error",
          fault,
        }),
      );
      const anew = { ...create, jobId: randomUUID(), uniqueId: "unique-2" };
      expect((await n1.jobs.openCreate(anew)).kind).toBe("conflict");
    });

    it("deletes a volume and keeps a tombstone", async () => {
      const create = newCreate();
      const { volumeId } = create.request;
      const job = await openJob(n1, create);
      await n1.jobs.finish(finishOf(job, { status: "available" }));
      const opened = await n1.jobs.openDelete(deleteOf(volumeId));
      const remove = opened.kind === "opened" ? opened.job : null;
      expect(remove?.request).toEqual({
        kind: "delete",
        volumeId,
        afterJobId: null,
      });
      expect((await n1.volumes.get(volumeId))?.status).toBe("deleting");
      const repeat = await n2.jobs.openDelete(deleteOf(volumeId));
      expect(repeat).toEqual({ kind: "running", jobId: remove?.id });
      expect(await n1.jobs.replyTargets(remove?.id ?? "")).toHaveLength(2);
      await n2.jobs.finish(
        finishOf(remove as Job, { status: "deleted", providerId: null }),
      );
      const third = await n1.jobs.openDelete(deleteOf(volumeId));
      expect(third).toEqual({ kind: "absent" });
      const unknown = await n1.jobs.openDelete(deleteOf("unknown"));
      expect(unknown).toEqual({ kind: "absent" });
      expect((await n1.volumes.get(volumeId))?.status).toBe("deleted");
      const everything = {
        projectId: "p1",
        allProjects: false,
        status: null,
        imageId: null,
        limit: 10,
        marker: null,
      };
      expect(await n1.volumes.list(everything)).toEqual([]);
      expect((await n1.jobs.openCreate(create)).kind).toBe("conflict");
    });

    it("cancels a create that is to be deleted, and keeps its end off the record", async () => {
      const hints: Hint[] = [];
      const stop = n1.hints.listen((hint) => hints.push(hint));
      const create = newCreate();
      const { volumeId } = create.request;
      const job = await openJob(n1, create);
      const opened = await n2.jobs.openDelete(deleteOf(volumeId));
      const remove = opened.kind === "opened" ? opened.job : null;
      expect(remove?.request).toEqual({
        kind: "delete",
        volumeId,
        afterJobId: job.id,
      });
      await eventually("the create's owner got a hint", () =>
        hints.some(
          (hint) => hint.kind === "cancelled" && hint.jobId === job.id,
        ),
      );
      stop();
      const claim = { jobId: job.id, token: job.token, leaseEntryKey: null };
      expect(await n1.jobs.renew([claim])).toEqual(["cancelled"]);
      await n1.jobs.finish(finishOf(job, { status: "error", fault }));
      expect(await n1.volumes.get(volumeId)).toMatchObject({
        status: "deleting",
        fault: null,
        jobId: remove?.id,
      });
    });

    it("takes over only jobs whose owner is silent", async () => {
      const silent = await openJob(n1);
      const living = await openJob(n1);
      const claim = {
        jobId: living.id,
        token: living.token,
        leaseEntryKey: null,
      };
      await rig.advance(shortTimes.claimTtlMs - 150);
      expect(await n1.jobs.renew([claim])).toEqual(["renewed"]);
      await rig.advance(200);
      const taken = await n2.jobs.claimDue(10);
      expect(taken).toMatchObject([
        { id: silent.id, node: "n2", takeovers: 1, request: silent.request },
      ]);
      expect(taken[0]?.token).toBeGreaterThan(silent.token);
      const lost = { ...claim, jobId: silent.id, token: silent.token };
      expect(await n1.jobs.renew([claim, lost])).toEqual(["renewed", "lost"]);
      const late = await n1.jobs.finish(finishOf(silent, { status: "error" }));
      expect(late).toEqual({ kind: "lost" });
      const [owned] = taken;
      const done = await n2.jobs.finish(
        finishOf(owned as Job, { status: "available" }),
      );
      expect(done.kind).toBe("finished");
    });

    it("keeps a job's lease and its place among the waiters while it renews", async () => {
      const fill = await fillReady(n1, "aa", { keepLease: true });
      const waiting = await openFill(n1, "bb");
      const claims = [fill, waiting].map(({ create, entryKey }) => ({
        jobId: create.id,
        token: create.token,
        leaseEntryKey: entryKey,
      }));
      for (let i = 0; i < 4; i += 1) {
        await rig.advance(shortTimes.claimTtlMs - 150);
        expect(await n1.jobs.renew(claims)).toEqual(["renewed", "renewed"]);
      }
      expect(await n1.cache.leaseCount(fill.entryKey)).toBe(1);
      expect(await n1.cache.waiterCount(waiting.entryKey)).toBe(1);
    });

    it("gives jobs up at the end of a daemon and finds its own at the start", async () => {
      const given = await openJob(n1);
      const kept = await openJob(n1);
      const foreign = await openJob(n2);
      await n1.jobs.release(given.id, given.token - 1);
      expect(await n2.jobs.claimDue(10)).toEqual([]);
      await n1.jobs.release(given.id, given.token);
      await n1.jobs.release(given.id, given.token);
      await rig.advance(1);
      const [taken] = await n2.jobs.claimDue(10);
      expect(taken).toMatchObject({ id: given.id, takeovers: 0, node: "n2" });
      expect(taken?.token).toBeGreaterThan(given.token);
      expect(await n1.jobs.releaseOwn()).toBe(1);
      await rig.advance(1);
      const own = await n1.jobs.claimDue(10);
      expect(own).toMatchObject([{ id: kept.id, takeovers: 1 }]);
      expect((await n2.jobs.get(foreign.id))?.job?.takeovers).toBe(0);
    });

    it("journals attempts and progress of the owner alone", async () => {
      const job = await openJob(n1);
      const { id, token } = job;
      expect(await n1.jobs.addAttempt(id, token, "aaaaaaaaaa")).toBe(true);
      expect(await n1.jobs.addAttempt(id, token, "bbbbbbbbbb")).toBe(true);
      expect(await n1.jobs.addAttempt(id, token, "aaaaaaaaaa")).toBe(true);
      expect(await n2.jobs.addAttempt(id, token - 1, "cccccccccc")).toBe(false);
      const progress = {
        phase: "download",
        bytesDone: 2 ** 40,
        bytesTotal: null,
        rate: 1.5,
      } as const;
      await n1.jobs.saveProgress(id, token, progress);
      await n2.jobs.saveProgress(id, token - 1, { ...progress, bytesDone: 1 });
      expect((await n1.jobs.get(id))?.job).toMatchObject({
        attempts: [...job.attempts, "aaaaaaaaaa", "bbbbbbbbbb"],
        progress,
      });
      expect(await n1.jobs.get("unknown")).toBeNull();
    });

    it("lists volumes by project, in pages", async () => {
      const ids: string[] = [];
      for (const projectId of ["p1", "p1", "p2", null, "p1"]) {
        const create = newCreate({ access: { ...access, projectId } });
        const job = await openJob(n1, create);
        ids.push(create.request.volumeId);
        if (ids.length === 1) {
          await n1.jobs.finish(finishOf(job, { status: "available" }));
        }
      }
      const list = async (filter: object) => {
        const found = await n2.volumes.list({
          projectId: "p1",
          allProjects: false,
          status: null,
          imageId: null,
          limit: 10,
          marker: null,
          ...filter,
        });
        return found.map((volume) => volume.volumeId);
      };
      const ofP1 = [0, 1, 4].map((i) => ids[i] ?? "").toSorted();
      expect(await list({})).toEqual(ofP1);
      expect(await list({ limit: 2 })).toEqual(ofP1.slice(0, 2));
      expect(await list({ marker: ofP1[1] })).toEqual(ofP1.slice(2));
      expect(await list({ projectId: null })).toEqual([ids[3]]);
      expect(await list({ allProjects: true })).toEqual(ids.toSorted());
      expect(await list({ status: "available" })).toEqual([ids[0]]);
      expect(await list({ imageId: "i1" })).toEqual(ofP1);
      expect(await list({ imageId: "i2" })).toEqual([]);
    });
  });
}
