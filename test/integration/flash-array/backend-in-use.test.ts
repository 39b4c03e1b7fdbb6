import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { FlashArrayBackend } from "../../../daemon/backends/flash-array/flash-array-backend.ts";
import {
  type BackendBench,
  mib,
  options,
} from "../../contract/backend-bench.ts";
import { FlashArrayRig, shortly } from "../../helpers/flash-array-rig.ts";

describe("a volume of a FlashArray that is connected", () => {
  let rig: FlashArrayRig;
  let backend: FlashArrayBackend;
  let bench: BackendBench;
  beforeAll(async () => {
    rig = await FlashArrayRig.start();
    backend = await rig.open();
    bench = rig.bench(backend);
    const iqns = ["iqn.2026-01.org.example:compute1"];
    await rig.asAdmin("POST", "hosts", { names: ["compute1"] }, { iqns });
    const writer = { iqns: ["iqn.2026-01.org.example:writer"] };
    await rig.asAdmin("POST", "hosts", { names: ["ivc-writer-gone"] }, writer);
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });

  const connect = async (host: string, volume: string) => {
    const query = { host_names: [host], volume_names: [volume] };
    await rig.asAdmin("POST", "connections", query);
  };

  /** What it is called while it is deleted. */
  const tombOf = (name: string) =>
    `${name}-x${rig.volume(name)?.serial.slice(-6).toLowerCase() ?? ""}`;

  it("is not deleted, nor renamed, while a host has it", async () => {
    const clone = await bench.cloneOf(await bench.sealed(), bench.userVolume());
    await connect("compute1", clone.providerId);
    const sent = await rig.requestsOf(async () => {
      await expect(
        backend.deleteVolume(clone.providerId, options),
      ).rejects.toMatchObject({
        code: "VOLUME_IN_USE",
        message: expect.stringContaining("compute1"),
      });
    });
    expect(shortly(sent).every((call) => call.startsWith("GET"))).toBe(true);
    expect(rig.volume(clone.providerId)?.expiresAtMs).toBeNull();
  });

  it("says so too when it was connected after the look", async () => {
    const clone = await bench.cloneOf(await bench.sealed(), bench.userVolume());
    const { providerId } = clone;
    const tomb = tombOf(providerId);
    rig.simulator.faults.add({
      method: "PATCH",
      path: "volumes",
      when: ({ body }) => body.includes("destroyed"),
      fault: { kind: "slow", ms: 500 },
    });
    const ended = backend
      .deleteVolume(providerId, options)
      .catch((thrown: unknown) => thrown);
    const deadline = Date.now() + 5000;
    while (rig.volume(tomb) === undefined && Date.now() < deadline) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await connect("compute1", tomb);
    expect(await ended).toMatchObject({
      code: "VOLUME_IN_USE",
      message: expect.stringMatching(
        new RegExp(`: ${providerId} on .* compute1; `),
      ),
    });
    expect(rig.volume(tomb)).toBeUndefined();
    await expect(backend.find(providerId, options)).resolves.not.toBeNull();
    await backend.terminateConnection(clone, null, options);
    await backend.deleteVolume(providerId, options);
    expect(rig.volume(tomb)?.expiresAtMs).not.toBeNull();
  });

  it("can be disconnected, and is given its name back, when a deletion that died has left it under a tomb's", async () => {
    const clone = await bench.cloneOf(await bench.sealed(), bench.userVolume());
    const { providerId } = clone;
    const tomb = tombOf(providerId);
    await connect("compute1", providerId);
    const leave = async () =>
      await rig.asAdmin(
        "PATCH",
        "volumes",
        { names: [providerId] },
        { name: tomb },
      );
    await leave();
    await expect(
      backend.deleteVolume(providerId, options),
    ).rejects.toMatchObject({ code: "VOLUME_IN_USE" });
    expect(rig.names()).toContain(providerId);
    await leave();
    await backend.terminateConnection(clone, null, options);
    await backend.deleteVolume(providerId, options);
    expect(rig.volume(tomb)?.expiresAtMs).not.toBeNull();
  });

  it("is not said to be connected to nobody, when the array refuses but tells no hosts", async () => {
    const clone = await bench.cloneOf(await bench.sealed(), bench.userVolume());
    await connect("compute1", clone.providerId);
    const cue = rig.simulator.faults.add({
      method: "GET",
      path: "connections",
      times: "always",
      fault: { kind: "refuse", message: "Volume does not exist." },
    });
    await expect(
      backend.deleteVolume(clone.providerId, options),
    ).rejects.toMatchObject({
      code: "BACKEND_IO",
      message: expect.stringContaining("the array refused"),
    });
    cue.remove();
    await backend.terminateConnection(clone, null, options);
    await backend.deleteVolume(clone.providerId, options);
    expect(rig.names()).not.toContain(clone.providerId);
  });

  it("stays, and keeps its name, when a writer has it through a host group", async () => {
    const wanted = bench.imageVolume();
    await backend.createVolume(wanted, options);
    const tmp = wanted.name.replace("-img-", "-tmp-");
    await rig.asAdmin("POST", "host-groups", { names: ["writers"] });
    await rig.asAdmin(
      "PATCH",
      "hosts",
      { names: ["ivc-writer-gone"] },
      {
        host_group: { name: "writers" },
      },
    );
    const query = { host_group_names: ["writers"], volume_names: [tmp] };
    await rig.asAdmin("POST", "connections", query);
    const sent = await rig.requestsOf(async () => {
      await expect(
        backend.deleteVolume(wanted.name, options),
      ).rejects.toMatchObject({ code: "VOLUME_IN_USE" });
    });
    expect(shortly(sent).every((call) => call.startsWith("GET"))).toBe(true);
    await rig.asAdmin("DELETE", "connections", query);
    await rig.asAdmin(
      "PATCH",
      "hosts",
      { names: ["ivc-writer-gone"] },
      {
        host_group: { name: "" },
      },
    );
    await backend.deleteVolume(wanted.name, options);
  });

  it("is not adopted by a create of the same id, nor is one that is labelled", async () => {
    const from = await bench.sealed();
    const [one, other] = [bench.userVolume(), bench.userVolume()];
    const label = {
      volumeId: "v",
      projectId: "p",
      imageId: "i",
      attempt: "aaaaaaaaaa",
    };
    const labelled = await backend.cloneVolume(from, one, options);
    await backend.labelVolume(labelled, label, options);
    await backend.cloneVolume(from, other, options);
    await expect(
      backend.cloneVolume(from, other, options),
    ).resolves.toMatchObject({ providerId: other.name });
    await connect("compute1", other.name);
    for (const wanted of [one, other]) {
      await expect(
        backend.cloneVolume(from, wanted, options),
      ).rejects.toMatchObject({
        code: "VOLUME_EXISTS",
        message: expect.stringContaining("somebody's data"),
      });
    }
    await expect(backend.find(one.name, options)).resolves.toMatchObject({
      labelledBy: "aaaaaaaaaa",
    });
    await expect(backend.find(other.name, options)).resolves.toMatchObject({
      labelledBy: null,
    });
    await backend.terminateConnection(
      { providerId: other.name, sizeBytes: mib },
      null,
      options,
    );
  });

  it("is not opened to be written once it is sealed", async () => {
    const from = await bench.sealed();
    const sent = await rig.requestsOf(async () => {
      await expect(backend.openTarget(from, options)).rejects.toMatchObject({
        code: "VOLUME_SEALED",
        retry: "never",
      });
    });
    expect(shortly(sent).every((call) => call.startsWith("GET"))).toBe(true);
  });

  it("is deleted when only a writer that died has it", async () => {
    const wanted = bench.imageVolume();
    await backend.createVolume(wanted, options);
    const tmp = wanted.name.replace("-img-", "-tmp-");
    await connect("ivc-writer-gone", tmp);
    await backend.deleteVolume(wanted.name, options);
    expect(rig.names().join()).toContain(`!${tmp}-x`);
  });

  it("is told with its serial and the project that it belongs to", async () => {
    const clone = await bench.cloneOf(await bench.sealed(), bench.userVolume());
    const label = {
      volumeId: randomUUID(),
      projectId: "project-1",
      imageId: "i".repeat(300),
      attempt: "aaaaaaaaaa",
    };
    await backend.labelVolume(clone, label, options);
    expect(rig.tags(clone.providerId)).toMatchObject({
      "volume-id": label.volumeId,
      "project-id": "project-1",
      "image-id": "i".repeat(256),
      serial: rig.volume(clone.providerId)?.serial,
    });
  });
});
