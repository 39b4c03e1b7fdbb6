import { randomUUID } from "node:crypto";
import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  it,
} from "@jest/globals";
import { atRest, expectOrder } from "../helpers/array-order.ts";
import type { TestDaemon } from "../helpers/daemon.ts";
import { eventually } from "../helpers/eventually.ts";
import { rawImage } from "../helpers/test-images.ts";
import {
  arrayName,
  type StageArray,
  startArray,
} from "../helpers/use-array.ts";
import { anAdmin, useStage } from "../helpers/use-stage.ts";

const gib = 1024 ** 3;
/** Names of the backends that are not the default one. */
const others = /^(?:thorough-|bare-|small::)/;

describe("an array's limits and safeguards", () => {
  const stage = useStage({ sizeGb: 20, env: { IVC_REMEMBER_FAILURES: "0s" } });
  let array: StageArray;
  let daemon: TestDaemon;

  beforeAll(async () => {
    array = await startArray(stage);
    await array.asAdmin("POST", "pods", { names: ["small"] }, {});
    daemon = await stage.start(
      "node-a",
      array.env(
        {},
        {
          backends: {
            thorough: {
              volume_name_prefix: "thorough",
              initiator_iqn: "iqn.2010-06.org.example:thorough",
              pure_eradicate_on_delete: true,
              image_volume_cache_max_count: 1,
            },
            bare: {
              volume_name_prefix: "bare",
              initiator_iqn: "iqn.2010-06.org.example:bare",
              default_protection: "none",
            },
            small: { pod: "small" },
          },
        },
      ),
    );
  }, 120_000);
  afterEach(() => {
    Object.assign(array.simulator.model.settings, {
      manualEradication: "all-enabled",
      defaultProtection: [],
      isFull: false,
      maxVolumes: 0,
    });
  });
  afterAll(async () => {
    await daemon.stop();
    await array[Symbol.asyncDispose]();
  }, 60_000);

  /** Deletes what a test made, so that the next one finds the array as it was. */
  async function tidy(ids: readonly string[]): Promise<void> {
    for (const volume_id of ids) {
      await stage.call("delete_volume", { volume_id });
    }
  }

  it("deletes and evicts where SafeMode forbids to eradicate", async () => {
    const { settings } = array.simulator.model;
    settings.manualEradication = "all-disabled";
    const backend = "thorough";
    const image = stage.images.add(rawImage());
    const made = await stage.create(image.id, { backend });
    await stage.call("delete_volume", { volume_id: made.volume_id });
    expect(array.live(arrayName(made.volume_id))).toBe(undefined);
    expect(array.destroyedNames().join()).toContain(
      `${arrayName(made.volume_id)}-x`,
    );
    await stage.call(
      "cache_evict",
      { backend, image_id: image.id },
      { context: anAdmin },
    );
    await stage.events.has("image_volume_cache.evict", { image_id: image.id });
    const other = stage.images.add(rawImage());
    const next = await stage.create(other.id, { backend });
    expect(next.path).toBe("miss");
    await atRest(stage, backend);
    const ours = array
      .liveNames()
      .filter((name) => name.startsWith("thorough-"));
    expect(ours).toEqual([
      "thorough-data-set",
      expect.stringMatching(/^thorough-img-/),
    ]);
    settings.manualEradication = "all-enabled";
    await tidy([next.volume_id]);
    expect(array.destroyedNames().join()).not.toContain(next.volume_id);
  }, 60_000);

  it("protects users' volumes as the array says, or not at all, and image-volumes never", async () => {
    const { model } = array.simulator;
    model.settings.defaultProtection = [{ name: "nightly" }];
    const ids: string[] = [];
    for (const backend of ["flasharray", "bare"]) {
      const image = stage.images.add(rawImage());
      for (const size of [1, 2]) {
        const volume = await stage.create(image.id, { backend, size });
        ids.push(volume.volume_id);
      }
    }
    const group = model.protectionGroups.named("nightly");
    const members = [...(group?.volumeIds ?? [])].map(
      (id) =>
        [...model.volumes.all()].find((each) => each.id === id)?.name ?? "gone",
    );
    expect(members.toSorted((a, b) => a.localeCompare(b))).toEqual(
      ids
        .slice(0, 2)
        .map(arrayName)
        .toSorted((a, b) => a.localeCompare(b)),
    );
    await tidy(ids);
  }, 60_000);

  const limits: readonly (readonly [
    string,
    (array: StageArray) => void,
    RegExp,
  ])[] = [
    [
      "is full",
      ({ simulator }) => {
        simulator.model.settings.isFull = true;
      },
      /BACKEND_FULL: .*no space left on /,
    ],
    [
      "has as many volumes as it can have",
      ({ simulator }) => {
        simulator.model.settings.maxVolumes = simulator.model.volumes.size;
      },
      /BACKEND_LIMIT: .*as many objects as it can have/,
    ],
  ];
  it.each(limits)(
    "fails a hit and a miss clearly when it %s, and works when there is room again",
    async (_what, limit, words) => {
      const { settings } = array.simulator.model;
      const [cached, cold] = [0, 1].map(() => stage.images.add(rawImage()));
      const first = await stage.create(cached?.id ?? "");
      await atRest(stage);
      limit(array);
      const refused = [randomUUID(), randomUUID()];
      const [hit, miss] = [cached, cold].map(
        async (image, index) =>
          await stage.create(image?.id ?? "", { volume_id: refused[index] }),
      );
      await expect(hit).rejects.toThrow(words);
      await expect(miss).rejects.toThrow(words);
      await expectOrder(stage, array, [first.volume_id], others);
      Object.assign(settings, { isFull: false, maxVolumes: 0 });
      const again = await stage.create(cold?.id ?? "", {
        volume_id: refused[1],
      });
      expect(again.path).toBe("miss");
      await expectOrder(
        stage,
        array,
        [first.volume_id, again.volume_id],
        others,
      );
      await tidy([first.volume_id, again.volume_id]);
    },
    60_000,
  );

  it("fails clearly what a pod's quota forbids, and works when the quota is raised", async () => {
    const backend = "small";
    const quota = async (gb: number) => {
      await array.asAdmin(
        "PATCH",
        "pods",
        { names: ["small"] },
        { quota_limit: gb * gib + 1024 ** 2 },
      );
    };
    // The marker, the image-volume and one volume.
    await quota(2);
    const image = stage.images.add(rawImage());
    const first = await stage.create(image.id, { backend });
    await expect(stage.create(image.id, { backend })).rejects.toThrow(
      /BACKEND_FULL: .*pod small .*whose quota counts volumes pending eradication too/,
    );
    await atRest(stage, backend);
    const inPod = () =>
      array.liveNames().filter((name) => name.startsWith("small::"));
    const before = [
      "small::ivc-data-set",
      expect.stringMatching(/^small::ivc-img-/),
      `small::${arrayName(first.volume_id)}`,
    ];
    expect(inPod()).toEqual(before);
    await quota(3);
    const next = await stage.create(image.id, { backend });
    expect(next.path).toBe("hit");
    await eventually("it is there", () => inPod().length === 4);
    await tidy([first.volume_id, next.volume_id]);
  }, 60_000);
});
