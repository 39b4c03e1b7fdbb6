import { readdir } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";
import type { VolumeBackend } from "../../../daemon/backends/volume-backend.ts";
import {
  LostClaimError,
  StoreUnavailableError,
} from "../../../daemon/errors.ts";
import { eventually } from "../../helpers/eventually.ts";
import { flowRig, type FlowRig } from "../../helpers/flow-rig.ts";

/** What a daemon that died was at: it hangs until the end of the test. */
function deadEnd(): Disposable & { readonly reached: () => Promise<never> } {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  return {
    reached: async () => await promise,
    [Symbol.dispose]: () => {
      reject(new LostClaimError("a job of a daemon that died"));
    },
  };
}

/** Lets a daemon die: it stops renewing and nothing of it goes on, as after a SIGKILL. */
function die(
  rig: FlowRig,
  end: { readonly reached: () => Promise<never> },
): void {
  rig.services.jobs.renew = () => Promise.resolve([]);
  rig.services.jobs.finish = end.reached;
  rig.services.cache.commit = end.reached;
  rig.services.jobs.claimDue = () => Promise.resolve([]);
}

describe("takeover", () => {
  it("finishes the creates and the fill of a daemon that died, and removes what it had begun", async () => {
    await using first = await flowRig();
    using end = deadEnd();
    first.script.beforeCopy = end.reached;
    const ids = [await first.open("i1"), await first.open("i1")];
    await eventually("a copy in work", () => first.copies.length === 1);
    const half = (await first.files()).find((name) =>
      name.startsWith("image-"),
    );
    die(first, end);
    await using second = await flowRig({
      store: first.store,
      node: "n2",
      root: first.root,
    });
    const volumes = await Promise.all(
      ids.map(async (id) => await second.ended(id)),
    );
    expect(volumes.map((volume) => volume.status)).toEqual([
      "available",
      "available",
    ]);
    expect(
      volumes
        .map((volume) => volume.path)
        .toSorted((a, b) => `${a}`.localeCompare(`${b}`)),
    ).toEqual(["coalesced", "miss"]);
    const files = await second.files();
    expect(files).not.toContain(half);
    expect(files.filter((name) => name.startsWith("image-"))).toHaveLength(1);
    expect(files.filter((name) => name.startsWith("volume-"))).toHaveLength(2);
  });

  it("adopts a volume that was complete when its daemon died", async () => {
    await using first = await flowRig();
    using end = deadEnd();
    first.services.jobs.finish = end.reached;
    const id = await first.open("i1");
    await eventually("the finished file", async () =>
      (await first.files()).includes(`volume-${id}`),
    );
    die(first, end);
    await using second = await flowRig({
      store: first.store,
      node: "n2",
      root: first.root,
    });
    const volume = await second.ended(id);
    expect(volume).toMatchObject({ status: "available", path: "miss" });
    expect(
      (await readdir(first.root)).filter((name) => name.startsWith("volume-")),
    ).toEqual([`volume-${id}`]);
  });

  it("goes on by itself when the store was away for a while", async () => {
    let isAway = true;
    await using rig = await flowRig();
    const { cache } = rig.services;
    const acquire = cache.acquire.bind(cache);
    cache.acquire = async (wanted) => {
      if (isAway) {
        throw new StoreUnavailableError("connection refused");
      }
      return await acquire(wanted);
    };
    const id = await rig.open("i1");
    setTimeout(() => {
      isAway = false;
    }, 300);
    expect(await rig.ended(id)).toMatchObject({
      status: "available",
      path: "miss",
    });
  });

  it("gives a job up that has killed too many daemons", async () => {
    await using first = await flowRig();
    using end = deadEnd();
    first.script.beforeCopy = end.reached;
    const id = await first.open("i1", { cache: "bypass" });
    await eventually("a copy in work", () => first.copies.length === 1);
    die(first, end);
    const job = first.store.state.jobs.get(`create-${id}`);
    if (job === undefined) {
      throw new Error("no job");
    }
    job.job.takeovers = 3;
    await using second = await flowRig({
      store: first.store,
      node: "n2",
      root: first.root,
    });
    const volume = await second.ended(id);
    expect(volume.fault?.code).toBe("POISON");
    expect(await second.files()).toEqual([]);
  });

  it("ends nothing when its claim was lost", async () => {
    const calls: string[] = [];
    const watching = (backend: VolumeBackend): VolumeBackend => {
      const remove = backend.deleteVolume.bind(backend);
      backend.deleteVolume = async (name, options) => {
        calls.push(name);
        await remove(name, options);
      };
      return backend;
    };
    await using rig = await flowRig({ backend: watching });
    rig.script.beforeCopy = async (_image, signal) => {
      await eventually("the loss", () => signal.aborted);
      signal.throwIfAborted();
    };
    const id = await rig.open("i1", { cache: "bypass" });
    await eventually("a copy in work", () => rig.copies.length === 1);
    const job = rig.store.state.jobs.get(`create-${id}`);
    if (job === undefined) {
      throw new Error("no job");
    }
    job.job.token += 1;
    await eventually(
      "the end of the run",
      () => rig.services.runner.runningCount === 0,
    );
    expect((await rig.services.volumes.get(id))?.status).toBe("creating");
    expect(calls.every((name) => name.startsWith(".ivc-"))).toBe(true);
  });
});
