import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import type { VolumeBackend } from "../../../daemon/backends/volume-backend.ts";
import {
  BackendError,
  ImageError,
  RequestError,
} from "../../../daemon/errors.ts";
import { contentKey } from "../../../daemon/image.ts";
import { imageOf } from "../../contract/store-kit.ts";
import { eventually } from "../../helpers/eventually.ts";
import { eventsOf, flowRig, type FlowRig } from "../../helpers/flow-rig.ts";

function lookups(rig: FlowRig): readonly string[] {
  return rig.events
    .filter((event) => /\.(hit|miss)$/.test(event.eventType))
    .map(
      (event) =>
        `${event.eventType.split(".")[1] ?? ""} ${String(event.payload["path"])}`,
    )
    .toSorted();
}

/** A promise that a test settles, and a copy step that waits for it. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    open: resolve,
    wait: async (_image: unknown, signal: AbortSignal) => {
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => {
          reject(signal.reason as Error);
        });
      });
      await Promise.race([promise, aborted]);
    },
  };
}

const entryKey = contentKey(`sha256:${"ab".repeat(32)}/raw`);

describe("createVolume", () => {
  it("copies an image once and clones it from then on, with one event each", async () => {
    await using rig = await flowRig();
    const first = await rig.ended(await rig.open("i1"));
    const second = await rig.ended(await rig.open("i1", { sizeGb: 3 }));
    expect([first.path, second.path]).toEqual(["miss", "hit"]);
    expect([first.sizeGb, second.sizeGb]).toEqual([1, 3]);
    expect(rig.copies).toEqual(["i1"]);
    expect(lookups(rig)).toEqual(["hit hit", "miss miss"]);
    await using file = await open(join(rig.root, second.providerId ?? ""));
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    expect(buffer.toString()).toBe("i1");
    expect((await file.stat()).size).toBe(3 * 1024 ** 3);
  });

  it("lets ten at once wait for one copy", async () => {
    await using rig = await flowRig();
    const copying = gate();
    rig.script.beforeCopy = copying.wait;
    const ids = await Promise.all(
      Array.from({ length: 10 }, async () => await rig.open("i1")),
    );
    await eventually(
      "ten waiters",
      async () => (await rig.services.cache.waiterCount(entryKey)) === 10,
    );
    copying.open();
    const volumes = await Promise.all(
      ids.map(async (id) => await rig.ended(id)),
    );
    expect(volumes.map((volume) => volume.status)).toEqual(
      Array.from({ length: 10 }, () => "available"),
    );
    expect(rig.copies).toEqual(["i1"]);
    expect(lookups(rig)).toEqual([
      ...Array.from({ length: 9 }, () => "hit coalesced"),
      "miss miss",
    ]);
    expect(await rig.services.cache.leaseCount(entryKey)).toBe(0);
  });

  it("tells all waiters of a bad image, and those who come soon after, without another copy", async () => {
    await using rig = await flowRig();
    rig.script.beforeCopy = () =>
      Promise.reject(new ImageError("IMAGE_CORRUPT", "sha256 differs"));
    const volumes = await Promise.all(
      (await Promise.all([rig.open("i1"), rig.open("i1")])).map(
        async (id) => await rig.ended(id),
      ),
    );
    const late = await rig.ended(await rig.open("i1"));
    expect([...volumes, late].map((volume) => volume.fault?.code)).toEqual(
      Array.from({ length: 3 }, () => "IMAGE_CORRUPT"),
    );
    expect(rig.copies).toHaveLength(1);
    expect(lookups(rig).filter((each) => each.startsWith("miss"))).toHaveLength(
      3,
    );
    expect(await rig.files()).toEqual([]);
  });

  it("copies for itself when the fill failed for another reason than the image", async () => {
    await using rig = await flowRig();
    let calls = 0;
    rig.script.beforeCopy = () => {
      calls += 1;
      return calls === 1
        ? Promise.reject(new BackendError("BACKEND_IO", "a disk died"))
        : Promise.resolve();
    };
    const volume = await rig.ended(await rig.open("i1"));
    expect(volume).toMatchObject({
      status: "available",
      path: "bypass",
      reason: "fill-failed",
    });
    expect(await rig.files()).toEqual([volume.providerId]);
    expect(lookups(rig)).toEqual(["miss bypass"]);
  });

  it("copies for itself when the image is larger than the cache, and evicts nothing", async () => {
    await using rig = await flowRig({
      settings: { limits: { maxSizeGb: 1, maxCount: 0 } },
    });
    await rig.ended(await rig.open("i1"));
    rig.script.describe = (id) => Promise.resolve(imageOf(id, "cd".repeat(32)));
    rig.script.virtualSizeBytes = 2 * 1024 ** 3;
    const large = await rig.ended(await rig.open("i2"));
    expect(large).toMatchObject({
      path: "bypass",
      reason: "never-fits",
      sizeGb: 2,
    });
    expect(eventsOf(rig, "image_volume_cache.evict")).toEqual([]);
  });

  it("evicts the least recently used entry for a new one, and tells of it once it is gone", async () => {
    await using rig = await flowRig({
      settings: { limits: { maxSizeGb: 0, maxCount: 1 } },
    });
    await rig.ended(await rig.open("i1"));
    rig.script.describe = (id) => Promise.resolve(imageOf(id, "cd".repeat(32)));
    const second = await rig.ended(await rig.open("i2"));
    expect(second.path).toBe("miss");
    const [evicted] = eventsOf(rig, "image_volume_cache.evict");
    expect(evicted?.payload).toMatchObject({
      image_id: "i1",
      reason: "lru",
      size_gb: 1,
    });
    expect(
      (await rig.files()).filter((name) => name.startsWith("image-")),
    ).toHaveLength(1);
  });

  it("serves a changed image anew and evicts the old one as stale", async () => {
    await using rig = await flowRig();
    await rig.ended(await rig.open("i1"));
    rig.script.describe = (id) => Promise.resolve(imageOf(id, "cd".repeat(32)));
    const changed = await rig.ended(await rig.open("i1"));
    expect(changed.path).toBe("miss");
    await eventually(
      "eviction",
      () => eventsOf(rig, "image_volume_cache.evict").length === 1,
    );
    expect(
      eventsOf(rig, "image_volume_cache.evict")[0]?.payload["reason"],
    ).toBe("stale");
  });

  it("heals a cache whose image-volume somebody has removed", async () => {
    await using rig = await flowRig();
    await rig.ended(await rig.open("i1"));
    const gold = (await rig.files()).find((name) => name.startsWith("image-"));
    await rm(join(rig.root, gold ?? ""));
    const volume = await rig.ended(await rig.open("i1"));
    expect(volume).toMatchObject({
      status: "available",
      path: "miss",
      reason: expect.stringContaining("image-volume-lost"),
    });
    expect(rig.copies).toEqual(["i1", "i1"]);
    expect(
      eventsOf(rig, "image_volume_cache.evict")[0]?.payload["reason"],
    ).toBe("lost");
  });

  it("copies for itself when the backend cannot clone", async () => {
    const failing = (backend: VolumeBackend): VolumeBackend =>
      new Proxy(backend, {
        get: (target, key) => {
          if (key === "cloneVolume") {
            return () =>
              Promise.reject(new BackendError("BACKEND_IO", "clone refused"));
          }
          const value: unknown = Reflect.get(target, key);
          return typeof value === "function"
            ? (value.bind(target) as unknown)
            : value;
        },
      });
    await using rig = await flowRig({ backend: failing });
    const volume = await rig.ended(await rig.open("i1"));
    expect(volume).toMatchObject({
      status: "available",
      path: "bypass",
      reason: "clone-failed",
    });
    expect(await rig.services.cache.leaseCount(entryKey)).toBe(0);
  });

  it("sends no hit or miss while the cache is switched off, and a miss for a create that bypasses it", async () => {
    await using off = await flowRig({ settings: { cacheEnabled: false } });
    expect((await off.ended(await off.open("i1"))).reason).toBe(
      "cache-disabled",
    );
    expect(lookups(off)).toEqual([]);
    await using rig = await flowRig();
    expect(
      (await rig.ended(await rig.open("i1", { cache: "bypass" }))).path,
    ).toBe("bypass");
    expect(lookups(rig)).toEqual(["miss bypass"]);
  });

  it("refuses a volume smaller than the image, also on a hit, and keeps no lease", async () => {
    await using rig = await flowRig();
    rig.script.describe = (id) =>
      Promise.resolve({
        ...imageOf(id, "ab".repeat(32)),
        diskFormat: "qcow2",
        virtualSizeBytes: null,
      });
    rig.script.virtualSizeBytes = 2 * 1024 ** 3;
    const key = contentKey(`sha256:${"ab".repeat(32)}/qcow2`);
    await rig.ended(await rig.open("i1"));
    const small = await rig.ended(await rig.open("i1", { sizeGb: 1 }));
    expect(small.fault?.code).toBe("SIZE_TOO_SMALL");
    expect(small.fault?.message).toContain("2 GiB");
    expect(await rig.services.cache.leaseCount(key)).toBe(0);
  });

  it("leaves no event and no cache entry for an image that the caller may not see", async () => {
    await using rig = await flowRig();
    rig.script.describe = () =>
      Promise.reject(new RequestError("IMAGE_NOT_FOUND", "no image i1"));
    const volume = await rig.ended(await rig.open("i1"));
    expect(volume).toMatchObject({ status: "error", path: null });
    expect(rig.events).toEqual([]);
    expect(await rig.services.cache.list()).toEqual([]);
  });
});

describe("a checksum given by a caller", () => {
  const url = "https://images.example/i1.img";
  const good = "12".repeat(32);

  async function urlRig(): Promise<FlowRig> {
    const rig = await flowRig();
    rig.script.checksum = `sha256:${good}`;
    rig.services.source.describe = async (reference) =>
      await Promise.resolve({
        ...imageOf("url:i1", "00"),
        reference,
        checksums: [],
        etag: "v1",
      });
    return rig;
  }

  const asked = (value: string, algorithm: "sha256" | "sha512" = "sha256") => ({
    reference: {
      kind: "url" as const,
      url,
      diskFormat: "raw",
      checksum: { algorithm, value },
    },
  });

  it("fails only that caller when it is wrong, and leaves the image-volume to the others", async () => {
    await using rig = await urlRig();
    const wrong = await rig.ended(await rig.open("", asked("ff".repeat(32))));
    expect(wrong.fault).toMatchObject({
      code: "IMAGE_CORRUPT",
      scope: "request",
    });
    const right = await rig.ended(await rig.open("", asked(good)));
    expect(right).toMatchObject({ status: "available", path: "hit" });
    expect(rig.copies).toHaveLength(1);
    expect(lookups(rig)).toEqual(["hit hit", "miss miss"]);
  });

  it("is compared on a hit, and verified by a copy where the entry has no such hash", async () => {
    await using rig = await urlRig();
    await rig.ended(await rig.open("", asked(good)));
    const wrong = await rig.ended(await rig.open("", asked("ff".repeat(32))));
    expect(wrong.fault?.code).toBe("IMAGE_CORRUPT");
    const other = await rig.ended(
      await rig.open("", asked("ab".repeat(64), "sha512")),
    );
    expect(other).toMatchObject({
      path: "bypass",
      reason: "checksum-not-recorded",
    });
  });
});

describe("a create that is deleted while it waits", () => {
  it("ends as cancelled; the fill goes on for the others", async () => {
    await using rig = await flowRig();
    const copying = gate();
    rig.script.beforeCopy = copying.wait;
    const opener = await rig.open("i1");
    const other = await rig.open("i1");
    await eventually(
      "two waiters",
      async () => (await rig.services.cache.waiterCount(entryKey)) === 2,
    );
    const deleted = await rig.services.jobs.openDelete({
      jobId: `delete-${opener}`,
      request: { kind: "delete", volumeId: opener, afterJobId: null },
      access: {
        projectId: "p1",
        userId: null,
        roles: [],
        isAdmin: false,
        requestId: null,
        hadToken: false,
      },
      reply: null,
    });
    if (deleted.kind !== "opened") {
      throw new Error(deleted.kind);
    }
    rig.services.runner.run(deleted.job, {
      projectId: "p1",
      userId: null,
      roles: [],
      isAdmin: false,
      requestId: null,
      authToken: null,
    });
    expect((await rig.ended(opener)).status).toBe("deleted");
    copying.open();
    expect(await rig.ended(other)).toMatchObject({
      status: "available",
      path: "coalesced",
    });
    expect(rig.copies).toEqual(["i1"]);
  });
});
