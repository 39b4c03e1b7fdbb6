import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { FlashArrayBackend } from "../../../daemon/backends/flash-array/flash-array-backend.ts";
import {
  type BackendBench,
  mib,
  options,
} from "../../contract/backend-bench.ts";
import { FlashArrayRig } from "../../helpers/flash-array-rig.ts";

const pib = 1024 ** 5;

describe("limits of a FlashArray", () => {
  let rig: FlashArrayRig;
  let backend: FlashArrayBackend;
  let bench: BackendBench;
  beforeAll(async () => {
    rig = await FlashArrayRig.start();
    backend = await rig.open();
    bench = rig.bench(backend);
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });

  const sized = (sizeBytes: number) => ({ ...bench.imageVolume(), sizeBytes });

  it.each([
    [1, mib],
    [mib - 1, mib],
    [mib, mib],
    [mib + 1, mib + 512],
    [mib + 512, mib + 512],
  ])("makes a volume for %d bytes of %d", async (asked, made) => {
    const volume = await backend.createVolume(sized(asked), options);
    expect(volume.sizeBytes).toBe(made);
    await backend.deleteVolume(volume.providerId, options);
  });

  it("refuses sizes that no volume can have, before anything is made", async () => {
    const small = await backend.createVolume(sized(mib), options);
    const sent = await rig.requestsOf(async () => {
      for (const bytes of [4 * pib + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
        const refusal = { code: "SIZE_INVALID", scope: "request" };
        await expect(
          backend.createVolume(sized(bytes), options),
        ).rejects.toMatchObject(refusal);
        await expect(
          backend.extendVolume(small, bytes, options),
        ).rejects.toMatchObject(refusal);
      }
    });
    expect(sent).toEqual([]);
  });

  it("are told with what to do: too many objects", async () => {
    const from = await bench.sealed();
    const { model } = rig.simulator;
    model.settings.maxVolumes = model.volumes.size;
    await expect(bench.cloneOf(from, bench.userVolume())).rejects.toMatchObject(
      {
        code: "BACKEND_LIMIT",
        retry: "later",
        message: expect.stringContaining("pending eradication count too"),
      },
    );
    model.settings.maxVolumes = 0;
  });

  it("are told with what to do: no space", async () => {
    const from = await bench.sealed();
    rig.simulator.model.settings.isFull = true;
    await expect(bench.cloneOf(from, bench.userVolume())).rejects.toMatchObject(
      { code: "BACKEND_FULL" },
    );
    rig.simulator.model.settings.isFull = false;
  });

  it("are told with what to do: the quota of a pod", async () => {
    const body = { quota_limit: 8 * mib };
    await rig.asAdmin("POST", "pods", { names: ["small"] }, body);
    const inPod = await rig.open({ pod: "small" });
    const own = rig.bench(inPod);
    const from = await own.sealed();
    const wanted = own.userVolume();
    const full = {
      code: "BACKEND_FULL",
      message: expect.stringContaining("pod small"),
    };
    await expect(own.cloneOf(from, wanted)).rejects.toMatchObject(full);
    await expect(
      inPod.createVolume(own.imageVolume(), options),
    ).rejects.toMatchObject(full);
    await expect(inPod.find(wanted.name, options)).resolves.toBeNull();
    await expect(inPod.find(from.providerId, options)).resolves.toMatchObject({
      seal: from.seal,
    });
  });

  it("says what the array said when it is something else", async () => {
    const from = await bench.sealed();
    const message = "Something nobody has seen.";
    const fault = { kind: "refuse", message } as const;
    rig.simulator.faults.add({ method: "POST", path: "volumes", fault });
    await expect(bench.cloneOf(from, bench.userVolume())).rejects.toMatchObject(
      {
        code: "BACKEND_IO",
        message: expect.stringContaining(message),
      },
    );
  });

  it("offers the last part of a name to an array that refuses the whole one, since drivers differ in what they send", async () => {
    const grouped = await rig.open({ volumeGroup: "cache" });
    const own = rig.bench(grouped);
    const clone = await own.cloneOf(await own.sealed(), own.userVolume());
    rig.simulator.faults.add({
      method: "PATCH",
      path: "volumes",
      when: ({ body }) => body.includes("cache/"),
      fault: { kind: "refuse", message: "Volume name must be between 1 and" },
    });
    const sent = await rig.requestsOf(async () => {
      // This array takes the whole name only.
      await expect(
        grouped.deleteVolume(clone.providerId, options),
      ).rejects.toMatchObject({ code: "BACKEND_IO" });
    });
    const bodies = sent
      .filter(({ method }) => method === "PATCH")
      .map(({ body }) => (body as { name?: string }).name ?? "");
    expect(bodies).toEqual([
      expect.stringMatching(/^cache\/volume-.*-x\w{6}$/),
      expect.stringMatching(/^volume-.*-x\w{6}$/),
    ]);
  });

  it("lists the rest when a volume vanishes between the question for names and that for tags", async () => {
    const own = await rig.open({ prefix: "vanish" });
    const from = await rig.bench(own).sealed();
    const clones = await Promise.all(
      Array.from(
        { length: 4 },
        async () =>
          await rig.bench(own).cloneOf(from, rig.bench(own).userVolume()),
      ),
    );
    const [gone, ...rest] = clones.map(({ providerId }) => providerId);
    const id = rig.volume(gone ?? "")?.id ?? "";
    const cue = rig.simulator.faults.add({
      method: "GET",
      path: "volumes/tags",
      when: ({ query }) => query.includes(id),
      times: "always",
      fault: { kind: "refuse", message: "Volume does not exist." },
    });
    const names = [...(await rig.bench(own).names()).keys()];
    cue.remove();
    expect(cue.calls).toBeGreaterThan(1);
    expect(names.toSorted()).toEqual([from.providerId, ...rest].toSorted());
  });

  it("gives no clone of an image-volume that was cut, and leaves none", async () => {
    const from = await bench.sealed();
    const query = { names: [from.providerId], truncate: true };
    await rig.asAdmin("PATCH", "volumes", query, { provisioned: 2 * mib });
    const wanted = bench.userVolume();
    await expect(
      backend.cloneVolume(from, wanted, options),
    ).rejects.toMatchObject({ code: "VOLUME_NOT_SEALED" });
    expect(rig.names()).not.toContain(wanted.name);
  });

  it("makes one volume when two daemons clone it at once", async () => {
    const from = await bench.sealed();
    const other = await rig.open({ node: "node2" });
    const wanted = bench.userVolume();
    const clones = await Promise.all(
      [backend, other, backend, other].map(
        async (each) => await each.cloneVolume(from, wanted, options),
      ),
    );
    const made = { providerId: wanted.name, sizeBytes: from.sizeBytes };
    expect(clones).toEqual([made, made, made, made]);
    const again = await bench.sealed();
    await expect(
      backend.cloneVolume(again, wanted, options),
    ).rejects.toMatchObject({ code: "VOLUME_EXISTS" });
  });

  it("does not take a volume of ours for the one that was to be renamed to its name", async () => {
    const wanted = bench.userVolume();
    const [first, second] = [bench.attemptOf(wanted), bench.attemptOf(wanted)];
    const made = await backend.createVolume(first, options);
    const lost = await backend.createVolume(second, options);
    await backend.renameVolume(made, wanted.name, options);
    await backend.deleteVolume(lost.providerId, options);
    await expect(
      backend.renameVolume(made, wanted.name, options),
    ).resolves.toMatchObject({ providerId: wanted.name });
    await expect(
      backend.renameVolume(lost, wanted.name, options),
    ).rejects.toMatchObject({ code: "VOLUME_EXISTS" });
  });

  it("adopts a clone whose image-volume was evicted meanwhile", async () => {
    const from = await bench.sealed();
    const wanted = bench.userVolume();
    const first = await backend.cloneVolume(from, wanted, options);
    await backend.deleteVolume(from.providerId, options);
    await expect(backend.cloneVolume(from, wanted, options)).resolves.toEqual(
      first,
    );
  });

  it("tells the free space, also where the array tells no totals", async () => {
    const { settings } = rig.simulator.model;
    const plenty = await backend.freeBytes(options);
    expect(plenty).toBeGreaterThan(0);
    expect(plenty).toBeLessThanOrEqual(settings.capacityBytes);
    settings.isEvergreenOne = true;
    const evergreen = await backend.freeBytes(options);
    expect(evergreen).toBeGreaterThan(0);
    settings.isEvergreenOne = false;
  });
});
