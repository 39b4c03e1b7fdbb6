import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Access, storedAccess } from "../../../daemon/access.ts";
import type {
  VolumeBackend,
  WriteTarget,
} from "../../../daemon/backends/volume-backend.ts";
import { BackendError, LostClaimError } from "../../../daemon/errors.ts";
import type { ImageMeta } from "../../../daemon/image.ts";
import { bytesPerGb } from "../../../daemon/volume.ts";
import { imageOf } from "../../contract/store-kit.ts";
import { eventually } from "../../helpers/eventually.ts";
import { FlashArrayRig } from "../../helpers/flash-array-rig.ts";
import { flowRig, type FlowRig } from "../../helpers/flow-rig.ts";

const nameOf = (volumeId: string) => `volume-${volumeId}-ivc`;
const iqn = "iqn.1993-08.org.debian:01:c0ffee";
const nobody: Access = {
  projectId: "p1",
  userId: null,
  roles: [],
  isAdmin: false,
  requestId: null,
  authToken: null,
};
/** i1 and i2 have different bytes. */
const imageByName = (imageId: string): Promise<ImageMeta> =>
  Promise.resolve(
    imageOf(imageId, (imageId === "i1" ? "ab" : "cd").repeat(32)),
  );
const image = (imageId: string, minDiskGb: number): ImageMeta => ({
  ...imageOf(imageId, "ab".repeat(32)),
  minDiskGb,
});

describe("creates and deletes on a FlashArray", () => {
  let array: FlashArrayRig;
  let rigs: AsyncDisposableStack;
  let ends: (() => void)[];

  beforeEach(async () => {
    array = await FlashArrayRig.start();
    rigs = new AsyncDisposableStack();
    ends = [];
  });
  afterEach(async () => {
    for (const end of ends) {
      end();
    }
    await rigs.disposeAsync();
    await array[Symbol.asyncDispose]();
  });

  function fileOf(target: WriteTarget): string {
    const { serial } = target as { serial?: string };
    const volume = array.simulator.model.volumes
      .all()
      .find((each) => each.serial === serial);
    return array.simulator.dataPlane.pathOf(volume?.id ?? "");
  }

  /** A daemon; `change` replaces operations of its backend. */
  async function daemon(
    options: {
      readonly like?: FlowRig;
      readonly node?: string;
      readonly change?: (backend: VolumeBackend) => void;
      readonly limits?: { maxSizeGb: number; maxCount: number };
    } = {},
  ): Promise<FlowRig> {
    const node = options.node ?? "n1";
    const backend = await array.open({ node });
    options.change?.(backend);
    const rig = await flowRig({
      node,
      backend: () => backend,
      fileOf,
      ...(options.like === undefined ? {} : { store: options.like.store }),
      ...(options.limits === undefined
        ? {}
        : { settings: { limits: options.limits } }),
    });
    return rigs.use(rig);
  }

  /** Deletes a volume as the RPC does, and waits for the end. */
  async function deleteVolume(rig: FlowRig, volumeId: string): Promise<void> {
    const opened = await rig.services.jobs.openDelete({
      jobId: `delete-${volumeId}`,
      request: { kind: "delete", volumeId, afterJobId: null },
      access: storedAccess(nobody),
      reply: null,
    });
    if (opened.kind !== "opened") {
      throw new Error(`the delete was not opened: ${opened.kind}`);
    }
    rig.services.runner.run(opened.job, nobody);
    await rig.ended(volumeId);
  }

  /** What a daemon that died was at, until the end of the test. */
  function deadEnd() {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    ends.push(() => {
      reject(new LostClaimError("a job of a daemon that died"));
    });
    return async () => await promise;
  }

  function die(rig: FlowRig, end: () => Promise<never>): void {
    rig.services.jobs.renew = () => Promise.resolve([]);
    rig.services.jobs.finish = end;
    rig.services.cache.commit = end;
    rig.services.jobs.claimDue = () => Promise.resolve([]);
  }

  it("grow a clone that a dead daemon had not grown yet to the size it was to have", async () => {
    const end = deadEnd();
    const first = await daemon({
      change: (backend) => {
        backend.extendVolume = end;
      },
    });
    first.script.describe = (id) => Promise.resolve(image(id, 5));
    const id = await first.open("i1");
    await eventually("the clone", () => array.volume(nameOf(id)) !== undefined);
    expect(array.volume(nameOf(id))?.provisioned).toBe(bytesPerGb);
    die(first, end);
    const second = await daemon({ like: first, node: "n2" });
    second.script.describe = () =>
      Promise.reject(new Error("the heir need not describe the image"));
    await expect(second.ended(id)).resolves.toMatchObject({
      status: "available",
      sizeGb: 5,
      path: "miss",
    });
    expect(array.volume(nameOf(id))?.provisioned).toBe(5 * bytesPerGb);
  });

  it("take nothing over from a create that ended well in an index that was lost, and delete nothing of it", async () => {
    const before = await daemon();
    const volumeId = randomUUID();
    await before.open("i1", { volumeId });
    await before.ended(volumeId);
    await eventually(
      "the label",
      () => array.tags(nameOf(volumeId))["serial"] !== undefined,
    );
    const after = await daemon({ node: "n2" });
    for (let round = 0; round < 2; round += 1) {
      await after.open("i1", { volumeId });
      await expect(after.ended(volumeId)).resolves.toMatchObject({
        status: "error",
        fault: { code: "VOLUME_EXISTS" },
      });
    }
    await deleteVolume(after, volumeId);
    expect(array.names()).toContain(nameOf(volumeId));
  });

  it("do not hand out, when they are asked for again, what another image's create has left in use", async () => {
    const before = await daemon({
      change: (backend) => {
        backend.labelVolume = () => Promise.resolve();
      },
    });
    before.script.describe = imageByName;
    const volumeId = randomUUID();
    await before.open("i1", { volumeId });
    await before.ended(volumeId);
    await before.services.backend.initializeConnection(
      { providerId: nameOf(volumeId), sizeBytes: bytesPerGb },
      { host: "compute-1", initiator: iqn, nqn: null, wwpns: [] },
      { signal: AbortSignal.timeout(10_000) },
    );
    const after = await daemon({ node: "n2" });
    after.script.describe = imageByName;
    for (let round = 0; round < 2; round += 1) {
      await after.open("i2", { volumeId });
      await expect(after.ended(volumeId)).resolves.toMatchObject({
        status: "error",
        fault: { code: "VOLUME_EXISTS" },
      });
    }
    // Neither deleted nor told as available, since this index never made it.
    await deleteVolume(after, volumeId);
    expect(array.names()).toContain(nameOf(volumeId));
    await expect(after.services.volumes.get(volumeId)).resolves.toMatchObject({
      status: "deleted",
    });
  });

  it("adopt what they had labelled themselves when the index forgot that they ended", async () => {
    const end = deadEnd();
    const first = await daemon();
    const volumeId = randomUUID();
    first.services.jobs.finish = async ({ jobId }) => {
      // The end is told and forgotten: the label is written, and the job is open.
      const found = await first.services.jobs.get(jobId);
      await first.services.backend.labelVolume(
        { providerId: nameOf(volumeId), sizeBytes: bytesPerGb },
        {
          volumeId,
          projectId: "p1",
          imageId: "i1",
          attempt: found?.job?.attempts[0] ?? "",
        },
        { signal: AbortSignal.timeout(10_000) },
      );
      return await end();
    };
    await first.open("i1", { volumeId });
    await eventually(
      "the label",
      () => array.tags(nameOf(volumeId))["serial"] !== undefined,
    );
    die(first, end);
    const second = await daemon({ like: first, node: "n2" });
    await expect(second.ended(volumeId)).resolves.toMatchObject({
      status: "available",
      providerId: nameOf(volumeId),
    });
  });

  it("leave nothing under the volume's name when it cannot grow", async () => {
    const rig = await daemon({
      change: (backend) => {
        backend.extendVolume = () =>
          Promise.reject(
            new BackendError("BACKEND_LIMIT", "limit reached", {
              retry: "later",
            }),
          );
      },
    });
    const id = await rig.open("i1", { sizeGb: 3 });
    await rig.ended(id);
    const clones = array.simulator.log
      .calls("POST", "volumes")
      .filter(({ query }) => query["names"] === nameOf(id));
    expect(clones).toHaveLength(1);
    const { status } = (await rig.services.volumes.get(id)) ?? {};
    // It was copied instead, in its full size.
    expect(status).toBe("available");
    expect(array.volume(nameOf(id))?.provisioned).toBe(3 * bytesPerGb);
  });

  it("do not go on to a download while what a restore has made cannot be removed", async () => {
    const limits = { maxSizeGb: 0, maxCount: 1 };
    let isRefusing = false;
    let refusals = 0;
    const refuse = () => {
      refusals += 1;
      return Promise.reject(new BackendError("BACKEND_IO", "out of order"));
    };
    const rig = await daemon({
      limits,
      change: (backend) => {
        const seal = backend.seal.bind(backend);
        backend.seal = async (...args) =>
          isRefusing ? await refuse() : await seal(...args);
        const remove = backend.deleteVolume.bind(backend);
        backend.deleteVolume = async (name, options) => {
          if (isRefusing && name.includes("-img-") && !options.isRestorable) {
            await refuse();
          }
          await remove(name, options);
        };
      },
    });
    rig.script.describe = imageByName;
    for (const imageId of ["i1", "i2"]) {
      await rig.ended(await rig.open(imageId));
    }
    expect(rig.copies).toEqual(["i1", "i2"]);
    isRefusing = true;
    const id = await rig.open("i1");
    await eventually("the restore that failed", () =>
      array.names().some((name) => name.startsWith("ivc-tmp-")),
    );
    await eventually("two more looks at it", () => refusals > 2);
    expect(rig.copies).toEqual(["i1", "i2"]);
    isRefusing = false;
    await expect(rig.ended(id)).resolves.toMatchObject({ status: "available" });
    const imageVolumes = array
      .names()
      .filter((name) => /^ivc-(?:img|tmp)-/.test(name));
    expect(imageVolumes).toHaveLength(1);
  });
});
