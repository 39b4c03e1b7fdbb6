import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { expectOrder } from "../helpers/array-order.ts";
import type { TestDaemon } from "../helpers/daemon.ts";
import { eventually } from "../helpers/eventually.ts";
import { rawImage } from "../helpers/test-images.ts";
import {
  arrayName,
  type StageArray,
  startArray,
} from "../helpers/use-array.ts";
import { useStage } from "../helpers/use-stage.ts";

const mib = 1024 ** 2;

describe("creates on an array that do not come to their end", () => {
  const stage = useStage({ sizeGb: 20 });
  /** All volumes that there should be. */
  const made: string[] = [];
  let array: StageArray;
  let daemons: readonly TestDaemon[];

  beforeAll(async () => {
    array = await startArray(stage);
    daemons = [
      await stage.start("node-a", array.env({ request_timeout: "4s" })),
      await stage.start(
        "hasty",
        array.env(
          { request_timeout: "1s" },
          { jobs: { createDeadline: "2s" } },
        ),
      ),
    ];
  }, 120_000);
  afterAll(async () => {
    await Promise.all(daemons.map(async (each) => await each.stop()));
    await array[Symbol.asyncDispose]();
  }, 60_000);

  /** An image that is in the cache. */
  async function cachedImage() {
    const image = stage.images.add(rawImage());
    const { volume_id } = await stage.create(image.id, {}, onNodeA);
    made.push(volume_id);
    return image;
  }

  const onNodeA = { server: "node-a@flasharray" };

  it("are cancelled by delete_volume in the middle of the download", async () => {
    const image = stage.images.add(rawImage(4 * mib), { holdAt: 3 * mib });
    const volume_id = randomUUID();
    const create = stage.create(image.id, { volume_id }, onNodeA);
    const outcome = outcomeOf(create);
    await stage.images.whenHeld(image);
    await eventually(
      "the image-volume is connected to its writer",
      () => array.simulator.model.connections.length === 1,
    );
    await stage.call("delete_volume", { volume_id });
    expect(await outcome).toMatch(/being deleted/);
    stage.images.letGo(image);
    await expectOrder(stage, array, made);
    expect(array.simulator.model.volumes.named(arrayName(volume_id))).toBe(
      undefined,
    );
  }, 60_000);

  it.each([
    ["takes its time", "slow"],
    ["gets no answer", "hang"],
  ] as const)(
    "are cancelled by delete_volume while the clone %s",
    async (_what, kind) => {
      const image = await cachedImage();
      const volume_id = randomUUID();
      const { faults } = array.simulator;
      const fault = faults.add({
        method: "POST",
        path: "volumes",
        when: ({ query }) => query.includes(volume_id),
        times: kind === "slow" ? 1 : "always",
        fault: kind === "slow" ? { kind, ms: 2000 } : { kind },
      });
      const create = stage.create(image.id, { volume_id }, onNodeA);
      const outcome = outcomeOf(create);
      await eventually("the clone is asked for", () => fault.calls > 0);
      await stage.call("delete_volume", { volume_id });
      faults.clear();
      expect(await outcome).toMatch(/made|being deleted/);
      await eventually("the array has answered", () => {
        const posts = array.simulator.log.calls("POST", "volumes");
        return posts.every(({ status }) => status !== "open");
      });
      await expectOrder(stage, array, made);
    },
    60_000,
  );

  it("leave no volume under its name when their time is over between the clone and its growth", async () => {
    const image = await cachedImage();
    const volume_id = randomUUID();
    const name = arrayName(volume_id);
    const { faults } = array.simulator;
    const fault = faults.add({
      method: "PATCH",
      path: "volumes",
      when: ({ body }) => body.includes("provisioned"),
      times: "always",
      fault: { kind: "hang" },
    });
    const create = stage.create(
      image.id,
      { volume_id, size: 2 },
      { server: "hasty@flasharray" },
    );
    const outcome = outcomeOf(create);
    await eventually("the growth is asked for", () => fault.calls > 0);
    expect(array.live(name)?.provisioned).toBe(1024 ** 3);
    expect(await outcome).toMatch(/DEADLINE_PASSED/);
    faults.clear();
    await expectOrder(stage, array, made);
    expect(
      array.destroyedNames().filter((each) => each.startsWith(name)),
    ).toHaveLength(1);
    await expect(
      stage.call("get_volume", { volume_id }),
    ).resolves.toMatchObject({ status: "error" });
    await stage.create(image.id, { volume_id, size: 2 }, onNodeA);
    made.push(volume_id);
    await expectOrder(stage, array, made);
    expect(await array.wrong([name], image.image.raw, 2)).toEqual([]);
  }, 60_000);

  it("write nothing to a device that is another volume", async () => {
    await array.asAdmin(
      "POST",
      "volumes",
      { names: ["somebodys"] },
      { provisioned: 8 * mib },
    );
    const victim = array.live("somebodys");
    if (victim === undefined) {
      throw new Error("no volume of somebody else");
    }
    const before = await array.sha256(victim.name);
    using _ = swapLuns(array, victim);
    const image = stage.images.add(rawImage());
    const volume_id = randomUUID();
    await expect(
      stage.create(image.id, { volume_id }, onNodeA),
    ).rejects.toThrow(
      new RegExp(`WRONG_DEVICE: .* has the serial ${victim.serial}, not `, "i"),
    );
    expect(await array.sha256(victim.name)).toBe(before);
    await eventually(
      "nothing is connected",
      () => array.simulator.model.connections.length === 0,
    );
    await array.asAdmin(
      "PATCH",
      "volumes",
      { names: [victim.name] },
      { destroyed: true },
    );
    await expectOrder(stage, array, made);
  }, 60_000);

  it("serve well afterwards, without a word of an error that is not expected", async () => {
    const image = await cachedImage();
    const { path, volume_id } = await stage.create(image.id);
    made.push(volume_id);
    expect(path).toBe("hit");
    await expectOrder(stage, array, made);
    const lines = daemons.flatMap((daemon) => daemon.log());
    expect(
      lines
        .filter(({ level }) => level === "error")
        .map(({ event, error }) => [event, error]),
    ).toEqual([]);
  }, 60_000);
});

/** "made", or why not. */
async function outcomeOf(create: Promise<unknown>): Promise<string> {
  return await create.then(
    () => "made",
    (error: unknown) => String(error),
  );
}

/** Every LUN that is connected from now on leads to `victim`, until disposed: what a mistake in a fabric does. */
function swapLuns(
  { simulator }: StageArray,
  victim: { readonly id: string; readonly serial: string },
): Disposable {
  const { dataPlane } = simulator;
  const connect = dataPlane.connect.bind(dataPlane);
  const disconnect = dataPlane.disconnect.bind(dataPlane);
  const { id: volumeId, serial } = victim;
  dataPlane.connect = async (connection) => {
    await connect({ ...connection, volumeId, serial });
  };
  dataPlane.disconnect = async (hostName) => {
    await disconnect(hostName, volumeId);
  };
  return {
    [Symbol.dispose]: () => {
      Object.assign(dataPlane, { connect, disconnect });
    },
  };
}
