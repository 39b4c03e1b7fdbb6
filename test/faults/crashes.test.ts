import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { eventually } from "../helpers/eventually.ts";
import { PersistentCaller } from "../helpers/persistent-caller.ts";
import { qcow2Image, rawImage } from "../helpers/test-images.ts";
import {
  anAdmin,
  someProject,
  useStage,
  type VolumeView,
} from "../helpers/use-stage.ts";
import { backendFiles, wrongVolumes } from "../helpers/volume-bytes.ts";

const creates = 120;
const callersAtOnce = 8;
const crashes = 10;

describe("daemons that die again and again", () => {
  const stage = useStage({
    env: {
      IVC_CACHE_MAX_COUNT: "2",
      NODE_CONFIG: JSON.stringify({ jobs: { maxTakeovers: 100 } }),
    },
  });

  it("lose no create, make none twice and leave nothing behind", async () => {
    const daemons = [await stage.start("node-a"), await stage.start("node-b")];
    // More images than the cache holds, so that image-volumes come and go all the time.
    const images = [
      stage.images.add(rawImage(2 * 1024 ** 2), { rate: 8 * 1024 ** 2 }),
      stage.images.add(await qcow2Image(rawImage(2 * 1024 ** 2)), {
        rate: 8 * 1024 ** 2,
      }),
      stage.images.add(rawImage(), { rate: 1024 ** 2 }),
      stage.images.add(await qcow2Image(rawImage()), { rate: 1024 ** 2 }),
    ];
    const requests = Array.from({ length: creates }, (_, index) => ({
      volume_id: randomUUID(),
      image_id: images[index % images.length]?.id,
    }));
    const { amqpUrl: url, exchange, topic } = stage;
    await using caller = new PersistentCaller({ url, exchange, topic }, 8000);
    const queue = [...requests];
    const views: VolumeView[] = [];
    const stream = Promise.all(
      Array.from({ length: callersAtOnce }, async () => {
        for (let next = queue.shift(); next; next = queue.shift()) {
          const { result } = await caller.call(
            "create_volume",
            next,
            someProject,
          );
          views.push(result as VolumeView);
        }
      }),
    );
    for (let crash = 0; crash < crashes && queue.length > 0; crash += 1) {
      const daemon = daemons[crash % daemons.length];
      await sleep(Math.random() * 400);
      await daemon?.kill();
      await daemon?.start();
    }
    await stream;

    const takenOver = daemons.flatMap((each) => each.log("job taken over"));
    expect(takenOver.length).toBeGreaterThan(crashes);
    expect(views.map(({ status }) => status)).toEqual(
      Array(creates).fill("available"),
    );
    const ids = requests.map((request) => request.volume_id);
    await eventually("all jobs are done", async () => {
      const stats = await stage.call<Record<string, number>>(
        "cache_stats",
        {},
        { context: anAdmin },
      );
      return stats["open_jobs"] === 0 && stats["reserved_count"] === 0;
    });
    await eventually("nothing half-made is left", async () => {
      const { leftovers, images: cached } = await backendFiles(stage.root);
      return leftovers.length === 0 && cached.length <= 2;
    });
    const files = await backendFiles(stage.root);
    expect(files.volumes.toSorted()).toEqual(
      ids.map((id) => `volume-${id}`).toSorted(),
    );
    const stats = await stage.call<Record<string, number>>(
      "cache_stats",
      {},
      { context: anAdmin },
    );
    expect(stats).toMatchObject({
      entries: files.images.length,
      reserved_gb: 0,
    });
    const { entries } = await stage.call<{ entries: { leases: number }[] }>(
      "cache_list",
      {},
      { context: anAdmin },
    );
    expect(entries.map(({ leases }) => leases)).toEqual([0, 0]);
    for (const [index, { image }] of images.entries()) {
      const own = ids.filter((_, each) => each % images.length === index);
      expect(await wrongVolumes(stage.root, own, image.raw)).toEqual([]);
    }
    await eventually("all events", () => {
      const { hit, miss } = stage.events.lookups(ids);
      return hit + miss >= creates;
    });
    const told = [
      ...stage.events.distinct("image_volume_cache.hit"),
      ...stage.events.distinct("image_volume_cache.miss"),
    ].map(({ payload }) => String(payload["volume_id"]));
    expect(told.toSorted()).toEqual(ids.toSorted());
    for (const daemon of daemons) {
      expect(daemon.log().filter(({ level }) => level === "error")).toEqual([]);
      expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    }
  }, 120_000);
});
