import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { expectOrder } from "../helpers/array-order.ts";
import type { TestDaemon } from "../helpers/daemon.ts";
import type { ServedImage } from "../helpers/image-service.ts";
import { rawImage } from "../helpers/test-images.ts";
import {
  arrayName,
  type StageArray,
  startArray,
} from "../helpers/use-array.ts";
import { useStage } from "../helpers/use-stage.ts";

const nodes = ["node-a", "node-b"] as const;

describe("two daemons on one array", () => {
  const stage = useStage({ sizeGb: 20 });
  const made: string[] = [];
  let array: StageArray;
  let daemons: readonly TestDaemon[];

  beforeAll(async () => {
    array = await startArray(stage);
    const env = array.env({ image_volume_cache_max_count: 1 });
    daemons = await Promise.all(
      nodes.map(async (node) => await stage.start(node, env)),
    );
  }, 120_000);
  afterAll(async () => {
    await Promise.all(daemons.map(async (each) => await each.stop()));
    await array[Symbol.asyncDispose]();
  }, 60_000);

  it("download an image once for 30 creates at the same time", async () => {
    const image = stage.images.add(rawImage());
    const ids = Array.from({ length: 30 }, () => randomUUID());
    made.push(...ids);
    const views = await Promise.all(
      ids.map(
        async (volume_id, index) =>
          await stage.create(
            image.id,
            { volume_id },
            { server: `${nodes[index % 2]}@flasharray` },
          ),
      ),
    );
    expect(image.downloads).toBe(1);
    const paths = views.map(({ path }) => path);
    expect(paths.filter((path) => path === "miss")).toHaveLength(1);
    expect(new Set(paths)).not.toContain("bypass");
    await expectOrder(stage, array, made);
    const names = ids.map(arrayName);
    expect(await array.wrong(names, image.image.raw)).toEqual([]);
    expect(stage.events.lookups(ids)).toEqual({ hit: 29, miss: 1 });
    const { volumes } = await stage.call<{ volumes: { status: string }[] }>(
      "list_volumes",
      { limit: 100 },
    );
    expect(volumes.map(({ status }) => status)).toEqual(
      made.map(() => "available"),
    );
  }, 60_000);

  it("write images through a host of their own each", async () => {
    for (const node of nodes) {
      const image = stage.images.add(rawImage());
      const { volume_id } = await stage.create(
        image.id,
        {},
        { server: `${node}@flasharray` },
      );
      made.push(volume_id);
    }
    const hosts = [...array.simulator.model.hosts.all()];
    expect(hosts.map(({ name }) => name).toSorted()).toEqual([
      "ivc-writer-node-a",
      "ivc-writer-node-b",
    ]);
    const iqns = hosts.flatMap((host) => host.iqns);
    expect(new Set(iqns).size).toBe(2);
    await expectOrder(stage, array, made);
  }, 60_000);

  it("restore for one another, and after a restart, what has room for one image only", async () => {
    const images = [0, 1].map(() => stage.images.add(rawImage()));
    const evictedBefore = evictions();
    const reasons: string[] = [];
    for (let round = 0; round < 10; round += 1) {
      if (round === 5) {
        await daemons[0]?.stop();
        await daemons[0]?.start();
      }
      // Each image by each of the daemons.
      const server = `${nodes[Math.floor(round / 2) % 2]}@flasharray`;
      const image = images[round % 2] as ServedImage;
      const view = await stage.create(image.id, {}, { server });
      made.push(view.volume_id);
      reasons.push(`${view.path} ${String(view["reason"])}`);
      const name = arrayName(view.volume_id);
      expect(await array.wrong([name], image.image.raw)).toEqual([]);
    }
    expect(reasons).toEqual([
      "miss not-cached",
      "miss not-cached",
      ...Array.from({ length: 8 }, () => "miss restored"),
    ]);
    expect(images.map(({ downloads }) => downloads)).toEqual([1, 1]);
    await expectOrder(stage, array, made);
    // One for each create: room for its image-volume, the first one's too.
    expect(evictions() - evictedBefore).toBe(10);
  }, 60_000);

  function evictions(): number {
    return stage.events.distinct("image_volume_cache.evict").length;
  }
});
