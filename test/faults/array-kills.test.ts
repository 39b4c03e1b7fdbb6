import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { cacheStats, expectOrder } from "../helpers/array-order.ts";
import type { TestDaemon } from "../helpers/daemon.ts";
import { descendantsOf } from "../helpers/descendants.ts";
import { eventually } from "../helpers/eventually.ts";
import type { ServedImage } from "../helpers/image-service.ts";
import {
  type TestImage,
  qcow2Image,
  rawImage,
} from "../helpers/test-images.ts";
import {
  arrayName,
  type StageArray,
  startArray,
} from "../helpers/use-array.ts";
import { useStage, type VolumeView } from "../helpers/use-stage.ts";

const mib = 1024 ** 2;

describe("kill -9 of a daemon on an array", () => {
  const stage = useStage({ sizeGb: 20 });
  /** All volumes that there should be. */
  const made: string[] = [];
  let array: StageArray;
  let daemons: [TestDaemon, TestDaemon];

  beforeAll(async () => {
    array = await startArray(stage);
    daemons = [
      await stage.start("node-a", array.env()),
      await stage.start("node-b", array.env()),
    ];
  }, 120_000);
  afterAll(async () => {
    await Promise.all(daemons.map(async (each) => await each.stop()));
    await array[Symbol.asyncDispose]();
  }, 60_000);

  /** Creates of one image by the first daemon. */
  function begin(image: ServedImage, count: number, size = 1) {
    const ids = Array.from({ length: count }, () => randomUUID());
    made.push(...ids);
    const parts = { server: "node-a@flasharray", timeoutMs: 45_000 };
    const answers = Promise.all(
      ids.map(
        async (volume_id) =>
          await stage.create(image.id, { volume_id, size }, parts),
      ),
    );
    answers.catch(() => {});
    return { ids, answers };
  }

  async function allWait(count: number): Promise<void> {
    await eventually(
      `${count} creates and their fill are at work`,
      async () => (await cacheStats(stage))["open_jobs"] === count + 1,
    );
  }

  async function expectServed(
    image: ServedImage,
    ids: readonly string[],
    answers: readonly VolumeView[],
    sizeGb = 1,
  ): Promise<void> {
    expect(answers.map(({ status }) => status)).toEqual(
      ids.map(() => "available"),
    );
    await expectOrder(stage, array, made);
    const names = ids.map(arrayName);
    expect(await array.wrong(names, image.image.raw, sizeGb)).toEqual([]);
    const { hit, miss } = stage.events.lookups(ids);
    expect(hit + miss).toBe(ids.length);
  }

  /** The dead daemon starts again at once, or only when the other one has done its work. */
  const survivors = [
    ["started again, it", true],
    ["another daemon", false],
  ] as const;

  it.each(survivors)(
    "in the middle of a download: %s serves all who wait",
    async (_who, isBack) => {
      const image = stage.images.add(rawImage(4 * mib), { holdAt: 3 * mib });
      const { ids, answers } = begin(image, 3);
      await stage.images.whenHeld(image);
      await allWait(3);
      await eventually(
        "the image-volume is connected to its writer",
        async () =>
          array.simulator.model.connections.length === 1 &&
          (await array.scratchFiles()).length === 1,
      );
      expect(array.liveNames().join()).toContain("ivc-tmp-");
      await daemons[0].kill();
      stage.images.letGo(image);
      if (isBack) {
        await daemons[0].start();
      }
      const views = await answers;
      if (!isBack) {
        await daemons[0].start();
      }
      await expectServed(image, ids, views);
      expect(image.downloads).toBe(2);
      expect(stage.events.lookups(ids)).toEqual({ hit: 2, miss: 1 });
    },
    60_000,
  );

  const formats: readonly (readonly [
    string,
    (of: TestImage) => Promise<TestImage> | TestImage,
  ])[] = [
    ["raw", (of) => of],
    ["qcow2", qcow2Image],
  ];
  it.each(formats)(
    "while a %s image is written into the LUN: nothing goes on writing, and all who wait are served",
    async (_format, make) => {
      const image = stage.images.add(await make(rawImage(96 * mib)));
      const { ids, answers } = begin(image, 2);
      const writer = await frozenWriter();
      const [{ volumeId } = { volumeId: "" }] =
        array.simulator.model.connections;
      const file = array.simulator.dataPlane.pathOf(volumeId);
      const { blocks } = await stat(file);
      expect(blocks * 512).toBeGreaterThan(0);
      expect(blocks * 512).toBeLessThan(72 * mib);
      await daemons[0].kill();
      await eventually(
        "the program that writes is gone with its daemon",
        async () => await isGone(writer),
      );
      await daemons[0].start();
      await expectServed(image, ids, await answers);
      expect(image.downloads).toBe(2);
    },
    60_000,
  );

  /** Stops qemu-img in the middle of its work. */
  async function frozenWriter(): Promise<number> {
    for (const deadline = Date.now() + 30_000; Date.now() < deadline;) {
      const children = await descendantsOf(daemons[0].pid);
      const writer = children.find(
        ({ cmdline }) =>
          /^[^\0]*qemu-img\0/.test(cmdline) && cmdline.includes("iscsi"),
      );
      const [connection] = array.simulator.model.connections;
      const { blocks } =
        connection === undefined
          ? { blocks: 0 }
          : await stat(array.simulator.dataPlane.pathOf(connection.volumeId));
      if (writer !== undefined && blocks > 0) {
        process.kill(writer.pid, "SIGSTOP");
        return writer.pid;
      }
    }
    throw new Error("qemu-img was not seen at work");
  }

  async function isGone(pid: number): Promise<boolean> {
    return await stat(`/proc/${pid}`).then(
      () => false,
      () => true,
    );
  }

  it.each(survivors)(
    "when its clone was made and it does not know: %s adopts and grows it",
    async (_who, isBack) => {
      const image = stage.images.add(rawImage());
      const [first] = begin(image, 1).ids;
      await eventually("the image is cached", () => {
        return array.live(arrayName(first ?? "")) !== undefined;
      });
      await expectOrder(stage, array, made);
      const { faults, log } = array.simulator;
      const mark = log.mark();
      const lost = faults.add({
        method: "POST",
        path: "volumes",
        fault: { kind: "reset-after" },
      });
      faults.add({
        method: "GET",
        path: "volumes",
        times: "always",
        fault: { kind: "hang" },
      });
      const { ids, answers } = begin(image, 1, 2);
      const [name = ""] = ids.map(arrayName);
      await eventually("the reply was lost", () => lost.calls === 1);
      await eventually(
        "it asks",
        () => log.calls("GET", "volumes", mark).length > 0,
      );
      expect(array.live(name)?.provisioned).toBe(1024 ** 3);
      const { id } = array.live(name) ?? { id: "" };
      await daemons[0].kill();
      faults.clear();
      if (isBack) {
        await daemons[0].start();
      }
      const views = await answers;
      if (!isBack) {
        await daemons[0].start();
      }
      await expectServed(image, ids, views, 2);
      expect(array.live(name)?.id).toBe(id);
      expect(stage.events.lookups(ids)).toEqual({ hit: 1, miss: 0 });
      expect(log.calls("POST", "volumes", mark)).toHaveLength(1);
    },
    60_000,
  );
});
