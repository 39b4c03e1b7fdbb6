import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { RpcRemoteError } from "../../cli/rpc-errors.ts";
import { eventually } from "../helpers/eventually.ts";
import type { ServedImage } from "../helpers/image-service.ts";
import { rawImage, sparseQcow2Image } from "../helpers/test-images.ts";
import { anAdmin, useStage, type VolumeView } from "../helpers/use-stage.ts";
import { backendFiles, wrongVolumes } from "../helpers/volume-bytes.ts";

interface Stats {
  readonly entries: number;
  readonly size_gb: number;
  readonly reserved_count: number;
  readonly reserved_gb: number;
}

interface Highest {
  files: number;
  count: number;
  sizeGb: number;
  samples: number;
}

const backendsUnderTest = {
  count: { image_volume_cache_max_count: 2 },
  size: { image_volume_cache_max_size_gb: 2 },
  lru: { image_volume_cache_max_count: 2 },
  tiny: { image_volume_cache_max_size_gb: 1 },
  free: {},
  off: { image_volume_cache_enabled: false },
};

describe("the cache's limits and freshness", () => {
  const stage = useStage({ env: { IVC_REMEMBER_FAILURES: "2s" } });
  const roots = new Map<string, string>();

  beforeAll(async () => {
    const backends: Record<string, object> = {};
    for (const [name, limits] of Object.entries(backendsUnderTest)) {
      const root = await stage.folder(name);
      roots.set(name, root);
      backends[name] = { driver: "file", root, ...limits };
    }
    await stage.start("node-a", {
      NODE_CONFIG: JSON.stringify({ backends, jobs: { maxFills: 5 } }),
    });
  }, 60_000);

  function rootOf(backend: string): string {
    return roots.get(backend) ?? stage.root;
  }

  async function create(
    image: ServedImage,
    backend: string,
    more: object = {},
  ): Promise<VolumeView> {
    return await stage.create(image.id, { backend, ...more });
  }

  async function stats(backend: string): Promise<Stats> {
    return await stage.call<Stats>(
      "cache_stats",
      { backend },
      { context: anAdmin },
    );
  }

  async function cachedImages(backend: string): Promise<string[]> {
    const { entries } = await stage.call<{ entries: { image_id: string }[] }>(
      "cache_list",
      { backend },
      { context: anAdmin },
    );
    return entries.map((entry) => entry.image_id);
  }

  /** Looks from outside, as often as it can, until `work` is done: at the files and at what the daemon counts. */
  async function watched(
    backend: string,
    work: Promise<unknown>,
  ): Promise<Highest> {
    const highest: Highest = { files: 0, count: 0, sizeGb: 0, samples: 0 };
    const done = new AbortController();
    const watchFiles = async () => {
      while (!done.signal.aborted) {
        const names = await readdir(rootOf(backend));
        const images = names.filter((name) => name.startsWith("image-"));
        highest.files = Math.max(highest.files, images.length);
        highest.samples += 1;
        await sleep(2);
      }
    };
    const watchCounts = async () => {
      while (!done.signal.aborted) {
        const now = await stats(backend);
        const count = now.entries + now.reserved_count;
        highest.count = Math.max(highest.count, count);
        const sizeGb = now.size_gb + now.reserved_gb;
        highest.sizeGb = Math.max(highest.sizeGb, sizeGb);
      }
    };
    const watching = Promise.all([watchFiles(), watchCounts()]);
    try {
      await work;
    } finally {
      done.abort();
      await watching;
    }
    return highest;
  }

  it.each(["count", "size"])(
    "are never exceeded by five new images at once (%s)",
    async (backend) => {
      const images = Array.from({ length: 5 }, () =>
        stage.images.add(rawImage(512 * 1024), { rate: 1024 ** 2 }),
      );
      const creating = Promise.all(
        images.map(async (image) => await create(image, backend)),
      );
      const highest = await watched(backend, creating);
      const volumes = await creating;
      expect(highest.samples).toBeGreaterThan(20);
      expect(highest.files).toBe(2);
      expect(highest.count).toBe(2);
      expect(highest.sizeGb).toBe(2);
      for (const [index, image] of images.entries()) {
        const id = volumes[index]?.volume_id ?? "";
        expect(
          await wrongVolumes(rootOf(backend), [id], image.image.raw),
        ).toEqual([]);
      }
      const ids = volumes.map((each) => each.volume_id);
      await eventually(
        "five misses",
        () => stage.events.lookups(ids).miss === 5,
      );
      expect(stage.events.lookups(ids)).toEqual({ hit: 0, miss: 5 });
      const files = await backendFiles(rootOf(backend));
      expect(files.images.length).toBeLessThanOrEqual(2);
      expect(files.leftovers).toEqual([]);
    },
  );

  it("evict the least recently used image-volume, and tell when it is gone", async () => {
    const [a, b, c, d] = [1, 2, 3, 4].map(() => stage.images.add(rawImage()));
    if (!a || !b || !c || !d) {
      throw new Error("four images");
    }
    expect((await create(a, "lru")).path).toBe("miss");
    expect((await create(b, "lru")).path).toBe("miss");
    expect((await create(a, "lru")).path).toBe("hit");
    const show = { image_id: b.id, backend: "lru" };
    const { provider_id } = await stage.call<{ provider_id: string }>(
      "cache_show",
      show,
      { context: anAdmin },
    );
    let wasThere: boolean | null = null;
    stage.events.onEvent = ({ type, payload }) => {
      if (type.endsWith(".evict") && payload["image_id"] === b.id) {
        wasThere ??= existsSync(path.join(rootOf("lru"), provider_id));
      }
    };
    const before = (await backendFiles(rootOf("lru"))).images;
    expect((await create(c, "lru")).path).toBe("miss");
    expect(await cachedImages("lru")).toEqual([c.id, a.id]);
    const after = (await backendFiles(rootOf("lru"))).images;
    expect(after).toHaveLength(2);
    expect(after.filter((name) => before.includes(name))).toHaveLength(1);
    expect((await create(d, "lru")).path).toBe("miss");
    expect(await cachedImages("lru")).toEqual([d.id, c.id]);
    const evicted = [];
    for (const { id } of [b, a]) {
      const [event] = await stage.events.has("image_volume_cache.evict", {
        image_id: id,
      });
      evicted.push(event);
    }
    expect(wasThere).toBe(false);
    for (const event of evicted) {
      expect(event?.payload).toMatchObject({
        host: "node-a@lru#lru",
        backend: "lru",
        reason: "lru",
        outcome: "success",
        size_gb: 1,
      });
    }
    const volumes = [await create(b, "lru"), await create(d, "lru")];
    expect(volumes.map((each) => each.path)).toEqual(["miss", "hit"]);
  });

  it("let an image that is larger than the limit pass by, and evict nothing for it", async () => {
    const small = stage.images.add(rawImage());
    await create(small, "tiny");
    const huge = stage.images.add(await sparseQcow2Image(2));
    const volume = await create(huge, "tiny", { size: 2 });
    expect(volume).toMatchObject({ path: "bypass", reason: "never-fits" });
    expect(await cachedImages("tiny")).toEqual([small.id]);
    expect((await create(small, "tiny")).path).toBe("hit");
    expect(
      await wrongVolumes(rootOf("tiny"), [volume.volume_id], huge.image.raw, 2),
    ).toEqual([]);
    await stage.events.has("image_volume_cache.miss", {
      volume_id: volume.volume_id,
      path: "bypass",
    });
  });

  it("serve nothing of an image's older bytes, and evict them", async () => {
    const image = stage.images.add(rawImage());
    const old = image.image;
    const first = await create(image, "free");
    image.image = rawImage();
    const second = await create(image, "free");
    expect(second.path).toBe("miss");
    expect((await create(image, "free")).path).toBe("hit");
    await stage.events.has("image_volume_cache.evict", {
      image_id: image.id,
      reason: "stale",
    });
    expect(await cachedImages("free")).toEqual([image.id]);
    const root = rootOf("free");
    expect((await backendFiles(root)).images).toHaveLength(1);
    expect(await wrongVolumes(root, [first.volume_id], old.raw)).toEqual([]);
    expect(
      await wrongVolumes(root, [second.volume_id], image.image.raw),
    ).toEqual([]);
  });

  it("keep an image-volume when only the timestamp changed, or two images are the same bytes", async () => {
    const image = stage.images.add(rawImage());
    await create(image, "free");
    image.updatedAt = new Date(Date.now() + 60_000);
    const twin = stage.images.add(image.image);
    expect((await create(image, "free")).path).toBe("hit");
    expect((await create(twin, "free")).path).toBe("hit");
    expect(image.downloads + twin.downloads).toBe(1);
  });

  it("take a changed timestamp for a change where freshness is updated_at", async () => {
    const topic = `${stage.topic}-updated`;
    await stage.start("node-updated", {
      IVC_FRESHNESS: "updated_at",
      IVC_RPC_TOPIC: topic,
      IVC_REDIS_URL: stage.otherRedisUrl,
      IVC_FILE_ROOT: await stage.folder("updated"),
    });
    const rpc = await stage.client(topic);
    const image = stage.images.add(rawImage(), {
      updatedAt: new Date(Date.now() - 60_000),
    });
    const pathNow = async () =>
      (await stage.create(image.id, {}, { rpc })).path;
    expect(await pathNow()).toBe("miss");
    expect(await pathNow()).toBe("hit");
    image.updatedAt = new Date();
    expect(await pathNow()).toBe("miss");
    expect(image.downloads).toBe(2);
    const stale = { image_id: image.id, reason: "stale" };
    await stage.events.has("image_volume_cache.evict", stale);
  });

  it("do not hold for a create that asks to go without the cache", async () => {
    const image = stage.images.add(rawImage());
    const volumes = [
      await create(image, "free", { cache: "bypass" }),
      await create(image, "free", { cache: "bypass" }),
    ];
    expect(volumes.map((each) => [each.path, each["reason"]])).toEqual([
      ["bypass", "asked-for"],
      ["bypass", "asked-for"],
    ]);
    expect(image.downloads).toBe(2);
    expect(await cachedImages("free")).not.toContain(image.id);
    const ids = volumes.map((each) => each.volume_id);
    expect(await wrongVolumes(rootOf("free"), ids, image.image.raw)).toEqual(
      [],
    );
    await eventually("two misses", () => stage.events.lookups(ids).miss === 2);
  });

  it("remember a corrupt image for a while, so that it is downloaded once", async () => {
    const image = stage.images.add(rawImage(), { corruptAt: 4096 });
    const failures = await Promise.allSettled(
      Array.from({ length: 5 }, async () => await create(image, "free")),
    );
    await expect(create(image, "free")).rejects.toMatchObject({
      errorCode: "IMAGE_CORRUPT",
    });
    for (const failure of failures) {
      const reason: unknown =
        failure.status === "rejected" ? failure.reason : null;
      expect(reason).toBeInstanceOf(RpcRemoteError);
      expect(reason).toMatchObject({ errorCode: "IMAGE_CORRUPT" });
    }
    expect(image.downloads).toBe(1);
    expect(await cachedImages("free")).not.toContain(image.id);
    const files = await backendFiles(rootOf("free"));
    expect(files.leftovers).toEqual([]);
    image.corruptAt = null;
    await eventually(
      "it is tried again",
      async () =>
        (await create(image, "free").catch(() => null))?.path === "miss",
    );
  });

  it("hold nothing where the cache is switched off: no image-volume, no hit, no miss", async () => {
    const image = stage.images.add(rawImage());
    const volume_id = randomUUID();
    const volume = await create(image, "off", { volume_id });
    expect(volume).toMatchObject({ path: "bypass", reason: "cache-disabled" });
    await create(image, "off");
    expect(image.downloads).toBe(2);
    expect((await backendFiles(rootOf("off"))).images).toEqual([]);
    await stage.events.has("volume.create.end", { volume_id });
    expect(stage.events.lookups([volume_id])).toEqual({ hit: 0, miss: 0 });
  });

  it("let only those use a cached image that its source shows it to", async () => {
    const image = stage.images.add(rawImage(), { token: "token-of-a" });
    const withToken = { project_id: "project-a", auth_token: "token-of-a" };
    const args = { backend: "free" };
    const first = await stage.create(image.id, args, { context: withToken });
    expect(first.path).toBe("miss");
    await expect(
      stage.create(image.id, args, { context: { project_id: "project-b" } }),
    ).rejects.toMatchObject({ remoteClass: "ImageNotFound" });
    const again = await stage.create(image.id, args, { context: withToken });
    expect(again.path).toBe("hit");
  });
});
