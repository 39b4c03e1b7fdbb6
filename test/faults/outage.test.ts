import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { eventually } from "../helpers/eventually.ts";
import { PersistentCaller } from "../helpers/persistent-caller.ts";
import { rawImage } from "../helpers/test-images.ts";
import {
  ownsServers,
  someProject,
  useStage,
  type VolumeView,
} from "../helpers/use-stage.ts";
import { backendFiles, wrongVolumes } from "../helpers/volume-bytes.ts";

const creates = 200;
const callersAtOnce = 10;
const brokerAwayMs = 20_000;

(ownsServers ? describe : describe.skip)("a stream of creates", () => {
  const stage = useStage({ ownBroker: true, sizeGb: 8 });

  it("outlives a broker that is gone for 20 s and a Redis that is started again", async () => {
    const daemons = [await stage.start("node-a"), await stage.start("node-b")];
    const images = [
      stage.images.add(rawImage()),
      stage.images.add(rawImage()),
      // Its fill is in work when the broker goes.
      stage.images.add(rawImage(2 * 1024 ** 2), { rate: 512 * 1024 }),
    ];
    const ids = Array.from({ length: creates }, () => randomUUID());
    const requests = ids.map((volume_id, index) => ({
      volume_id,
      image_id: images[index % images.length]?.id,
    }));
    const answers = new Map<string, { view: VolumeView; tries: number }>();
    const { amqpUrl: url, exchange, topic } = stage;
    await using caller = new PersistentCaller({ url, exchange, topic }, 6000);
    const queue = [...requests];
    const stream = Array.from({ length: callersAtOnce }, async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const { result, tries } = await caller.call(
          "create_volume",
          next,
          someProject,
        );
        answers.set(next.volume_id, { view: result as VolumeView, tries });
        await sleep(50);
      }
    });
    const whenAnswered = async (count: number) => {
      await eventually(`${count} answers`, () => answers.size >= count, 60_000);
    };

    await whenAnswered(5);
    await stage.broker?.kill("SIGKILL");
    await sleep(brokerAwayMs);
    await stage.broker?.restart();
    await whenAnswered(100);
    await stage.redisServer.restart();
    await Promise.all(stream);

    expect([...answers.values()].map(({ view }) => view.status)).toEqual(
      Array(creates).fill("available"),
    );
    expect([...answers.values()].some(({ tries }) => tries > 1)).toBe(true);
    const files = await backendFiles(stage.root);
    expect(files.volumes.toSorted()).toEqual(
      ids.map((id) => `volume-${id}`).toSorted(),
    );
    expect(files.images).toHaveLength(images.length);
    expect(files.leftovers).toEqual([]);
    for (const [index, { image }] of images.entries()) {
      const own = ids.filter((_, each) => each % images.length === index);
      expect(await wrongVolumes(stage.root, own, image.raw)).toEqual([]);
    }
    for (const { volume_id, image_id } of requests) {
      const { result } = await caller.call(
        "create_volume",
        { volume_id, image_id },
        someProject,
      );
      const { updated_at } = result as VolumeView;
      expect(result).toEqual({ ...answers.get(volume_id)?.view, updated_at });
    }
    await expectOneLookupEach(ids);
    const exits = await Promise.all(
      daemons.map(async (daemon) => await daemon.stop()),
    );
    expect(exits.map(({ code }) => code)).toEqual([0, 0]);
  }, 150_000);

  async function expectOneLookupEach(ids: readonly string[]): Promise<void> {
    await eventually("all events", () => {
      const { hit, miss } = stage.events.lookups(ids);
      return hit + miss >= creates;
    });
    await eventually("nothing is left to be sent", async () => {
      const rows = await stage.redis.hvals("ivc:{file}:outbox");
      return !rows.some((row) => row.includes("image_volume_cache."));
    });
    const told = [
      ...stage.events.distinct("image_volume_cache.hit"),
      ...stage.events.distinct("image_volume_cache.miss"),
    ].map(({ payload }) => String(payload["volume_id"]));
    expect(told.toSorted()).toEqual(ids.toSorted());
    expect(stage.events.lookups(ids)).toEqual({ hit: creates - 3, miss: 3 });
    for (const one of stage.events.received) {
      const copies = stage.events.received.filter(
        ({ messageId }) => messageId === one.messageId,
      );
      expect(new Set(copies.map(({ uniqueId }) => uniqueId)).size).toBe(1);
    }
  }
});
