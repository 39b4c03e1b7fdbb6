import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import {
  BackendError,
  LostClaimError,
  RequestError,
  StoreUnavailableError,
} from "../../../daemon/errors.ts";
import { contentKey } from "../../../daemon/image.ts";
import { eventually } from "../../helpers/eventually.ts";
import { eventsOf, flowRig, type FlowRig } from "../../helpers/flow-rig.ts";

const entryKey = contentKey(`sha256:${"ab".repeat(32)}/raw`);

/** The daemon hangs at the end of its creates until disposed, as if it had been stopped there. */
function hangAtFinish(rig: FlowRig): Disposable {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  rig.services.jobs.finish = async () => await promise;
  rig.services.jobs.renew = () => Promise.resolve([]);
  rig.services.jobs.claimDue = () => Promise.resolve([]);
  return {
    [Symbol.dispose]: () => {
      reject(new LostClaimError("a create of a daemon that died"));
    },
  };
}

async function imageVolumeOf(rig: FlowRig): Promise<string> {
  return (
    (await rig.files()).find((name) => name.startsWith("image-")) ?? "none"
  );
}

describe("a create whose daemon died after the volume was finished", () => {
  it("is finished by another one, also when the image can no longer be described", async () => {
    await using first = await flowRig();
    using _ = hangAtFinish(first);
    const id = await first.open("i1");
    await eventually("the file", async () =>
      (await first.files()).includes(`volume-${id}`),
    );
    await using second = await flowRig({
      store: first.store,
      node: "n2",
      root: first.root,
    });
    second.script.describe = () =>
      Promise.reject(new RequestError("IMAGE_FORBIDDEN", "the token is gone"));
    expect(await second.ended(id)).toMatchObject({
      status: "available",
      path: "miss",
      content: `sha256:${"ab".repeat(32)}/raw`,
    });
  });

  it("goes away with its job when that is given up, whatever the backend says", async () => {
    await using first = await flowRig();
    using _ = hangAtFinish(first);
    const id = await first.open("i1");
    await eventually("the file", async () =>
      (await first.files()).includes(`volume-${id}`),
    );
    const job = first.store.state.jobs.get(`create-${id}`);
    if (job === undefined) {
      throw new Error("no job");
    }
    job.job.takeovers = 3;
    let refusals = 0;
    await using second = await flowRig({
      store: first.store,
      node: "n2",
      root: first.root,
      backend: (backend) => {
        const remove = backend.deleteVolume.bind(backend);
        backend.deleteVolume = async (name, options) => {
          if (name.startsWith(".ivc-")) {
            refusals += 1;
            throw new BackendError("BACKEND_IO", "refused");
          }
          await remove(name, options);
        };
        return backend;
      },
    });
    expect((await second.ended(id)).fault?.code).toBe("POISON");
    expect(refusals).toBeGreaterThan(0);
    expect(await second.files()).not.toContain(`volume-${id}`);
  });
});

describe("a failed create that is asked for again", () => {
  it("takes up what the failed one had finished", async () => {
    await using rig = await flowRig();
    const id = await rig.open("i1");
    await rig.ended(id);
    const record = rig.store.state.volumes.get(id);
    if (record === undefined) {
      throw new Error("no record");
    }
    record.record.status = "error";
    record.record.providerId = null;
    await rig.open("i1", { volumeId: id });
    expect((await rig.ended(id)).status).toBe("available");
  });

  it("is refused where a delete has failed: the volume holds what its user wrote", async () => {
    await using rig = await flowRig();
    const id = await rig.open("i1");
    await rig.ended(id);
    const record = rig.store.state.volumes.get(id);
    if (record === undefined) {
      throw new Error("no record");
    }
    record.record.status = "error";
    await expect(rig.open("i1", { volumeId: id })).rejects.toThrow("conflict");
  });
});

describe("an image-volume that the backend does not delete", () => {
  it("keeps nobody waiting: creates of it copy for themselves", async () => {
    await using rig = await flowRig({
      backend: (backend) => {
        const remove = backend.deleteVolume.bind(backend);
        backend.deleteVolume = async (name, options) => {
          if (name.startsWith("image-")) {
            throw new BackendError("BACKEND_IO", "read-only");
          }
          await remove(name, options);
        };
        return backend;
      },
    });
    await rig.ended(await rig.open("i1"));
    await expect(
      rig.services.evictor.evict(entryKey, "manual", false),
    ).rejects.toThrow("read-only");
    const volume = await rig.ended(await rig.open("i1"));
    expect(volume).toMatchObject({
      status: "available",
      path: "bypass",
      reason: "eviction-pending",
    });
    expect(eventsOf(rig, "image_volume_cache.miss")).toHaveLength(2);
  }, 40_000);
});

describe("an image-volume that is found to be lost late", () => {
  it("does not take the new one with it", async () => {
    await using rig = await flowRig();
    await rig.ended(await rig.open("i1"));
    const old = await rig.services.cache.get(entryKey);
    await rm(join(rig.root, await imageVolumeOf(rig)));
    await rig.ended(await rig.open("i1"));
    const evicted = await rig.services.evictor.evict(
      entryKey,
      "lost",
      true,
      old?.fillId ?? null,
    );
    expect(evicted.kind).toBe("absent");
    expect(await rig.services.cache.get(entryKey)).toMatchObject({
      state: "ready",
    });
  });
});

describe("a daemon that could not renew", () => {
  it("goes on with its own jobs under their new tokens", async () => {
    await using rig = await flowRig();
    const { promise, resolve } = Promise.withResolvers<void>();
    rig.script.beforeCopy = async (_image, signal) => {
      const end = new Promise<void>((ended) => {
        signal.addEventListener("abort", () => {
          ended();
        });
      });
      await Promise.race([promise, end]);
      signal.throwIfAborted();
    };
    const id = await rig.open("i1", { cache: "bypass" });
    await eventually("a copy in work", () => rig.copies.length === 1);
    const held = rig.store.state.jobs.get(`create-${id}`);
    if (held === undefined) {
      throw new Error("no job");
    }
    // As after an outage that was longer than the claim: the sweep finds the job before anybody renewed it.
    const renew = rig.services.jobs.renew.bind(rig.services.jobs);
    rig.services.jobs.renew = () => Promise.resolve([]);
    held.dueMs = 0;
    await eventually("the takeover", () => held.job.takeovers === 1);
    rig.services.jobs.renew = renew;
    resolve();
    expect((await rig.ended(id)).status).toBe("available");
    expect(rig.copies).toHaveLength(2);
  });
});

describe("an outage of the store that is longer than a claim", () => {
  it("costs a create of a daemon that lives neither its caller's token nor its end", async () => {
    await using rig = await flowRig();
    const { cache, jobs } = rig.services;
    let isAway = true;
    const tokens: (string | null)[] = [];
    const describeImage = rig.script.describe;
    rig.script.describe = async (imageId, access) => {
      tokens.push(access.authToken);
      return await describeImage(imageId, access);
    };
    const real = {
      acquire: cache.acquire.bind(cache),
      renew: jobs.renew.bind(jobs),
      get: jobs.get.bind(jobs),
      claimDue: jobs.claimDue.bind(jobs),
    };
    const refuse = () => {
      if (isAway) {
        throw new StoreUnavailableError("connection refused");
      }
    };
    cache.acquire = async (wanted) => {
      refuse();
      return await real.acquire(wanted);
    };
    jobs.renew = async (claimed) => {
      refuse();
      return await real.renew(claimed);
    };
    jobs.get = async (jobId) => {
      refuse();
      return await real.get(jobId);
    };
    jobs.claimDue = async (limit) => {
      refuse();
      return await real.claimDue(limit);
    };
    const id = await rig.open("i1");
    await eventually(
      "the end of its work",
      () => rig.services.runner.runningCount === 0,
    );
    isAway = false;
    expect((await rig.ended(id)).status).toBe("available");
    expect(new Set(tokens)).toEqual(new Set(["token"]));
  });
});

describe("a drain", () => {
  it("lets a create in work open its fill and finish", async () => {
    await using rig = await flowRig();
    const { promise, resolve } = Promise.withResolvers<void>();
    const { describe: describeImage } = rig.script;
    rig.script.describe = async (imageId, access) => {
      await promise;
      return await describeImage(imageId, access);
    };
    const id = await rig.open("i1");
    const drained = rig.services.runner.drain(20_000);
    resolve();
    await drained;
    expect((await rig.services.volumes.get(id))?.status).toBe("available");
  });

  it("gives up what does not end, without counting that as a death", async () => {
    await using first = await flowRig();
    first.script.beforeCopy = async (_image, signal) => {
      await eventually("the end", () => signal.aborted);
      signal.throwIfAborted();
    };
    const id = await first.open("i1", { cache: "bypass" });
    await eventually("a copy in work", () => first.copies.length === 1);
    await first.services.runner.drain(50);
    await using second = await flowRig({
      store: first.store,
      node: "n2",
      root: first.root,
    });
    expect((await second.ended(id)).status).toBe("available");
    expect(first.store.state.jobs.get(`create-${id}`)?.job.takeovers).toBe(0);
  });
});
