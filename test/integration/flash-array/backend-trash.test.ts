import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { FlashArrayBackend } from "../../../daemon/backends/flash-array/flash-array-backend.ts";
import type {
  BackendVolume,
  Restorable,
  Seal,
} from "../../../daemon/backends/volume-backend.ts";
import {
  type BackendBench,
  mib,
  newAttempt,
  options,
} from "../../contract/backend-bench.ts";
import { FlashArrayRig } from "../../helpers/flash-array-rig.ts";

const restorable = { ...options, isRestorable: true };
const hour = 3_600_000;

describe("deleted volumes of a FlashArray", () => {
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

  /** What an image-volume is called once it is deleted. */
  function tombOf(name: string, mark: "x" | "r"): string {
    const serial = rig.volume(name)?.serial ?? "";
    return `${name}-${mark}${serial.slice(-6).toLowerCase()}`;
  }

  /** An image-volume of an entry, sealed. */
  async function sealed(entryKey: string): Promise<BackendVolume> {
    const attempt = newAttempt();
    const name = backend.nameFor({ kind: "image-volume", entryKey, attempt });
    const wanted = { ...bench.imageVolume(), name };
    const made = await backend.createVolume(wanted, options);
    await backend.seal(made, sealFor(entryKey), options);
    return made;
  }

  function sealFor(entryKey: string): Seal {
    return {
      volumeId: "image-volume",
      entryKey,
      content: "c",
      imageId: "i",
      virtualSizeBytes: mib,
      checksum: null,
      sealedAtMs: Date.now(),
    };
  }

  const newEntry = () => bench.imageVolume().entryKey;

  async function found(entryKey: string): Promise<Restorable | null> {
    return await backend.findRestorable(entryKey, options);
  }

  async function destroyByHand(name: string): Promise<void> {
    const query = { names: [name] };
    await rig.asAdmin("PATCH", "volumes", query, { destroyed: true });
  }

  async function renameByHand(name: string, to: string): Promise<void> {
    await rig.asAdmin("PATCH", "volumes", { names: [name] }, { name: to });
  }

  it("free their names at once, as often as one likes", async () => {
    const from = await bench.sealed();
    const wanted = bench.userVolume();
    for (let round = 0; round < 3; round += 1) {
      await bench.cloneOf(from, wanted);
      await backend.deleteVolume(wanted.name, options);
    }
    const left = rig.names().filter((name) => name.includes(wanted.name));
    expect(left.length).toBe(3);
    expect(left.every((name) => name.startsWith("!"))).toBe(true);
  });

  it("that an administrator destroyed are absent, and keep their name until they are recovered or eradicated", async () => {
    const from = await bench.sealed();
    const wanted = bench.userVolume();
    await bench.cloneOf(from, wanted);
    await destroyByHand(wanted.name);
    await expect(backend.find(wanted.name, options)).resolves.toBeNull();
    await backend.deleteVolume(wanted.name, options);
    const again = async () => await bench.cloneOf(from, wanted);
    await expect(again()).rejects.toMatchObject({
      code: "VOLUME_EXISTS",
      message: expect.stringContaining("pending eradication: recover it"),
    });
    const query = { names: [wanted.name] };
    await rig.asAdmin("PATCH", "volumes", query, { destroyed: false });
    await expect(backend.find(wanted.name, options)).resolves.not.toBeNull();
    await destroyByHand(wanted.name);
    await rig.asAdmin("DELETE", "volumes", query);
    await expect(again()).resolves.toMatchObject({ providerId: wanted.name });
  });

  it("that an administrator destroyed are no source of clones", async () => {
    const from = await bench.sealed();
    await destroyByHand(from.providerId);
    await expect(
      backend.cloneVolume(from, bench.userVolume(), options),
    ).rejects.toMatchObject({ code: "VOLUME_MISSING" });
  });

  it("whose deletion was cut in two are listed, and destroyed by the next one", async () => {
    const from = await bench.sealed();
    const tomb = tombOf(from.providerId, "x");
    await renameByHand(from.providerId, tomb);
    expect((await bench.names()).get(tomb)).toMatchObject({ role: "attempt" });
    await backend.deleteVolume(from.providerId, options);
    expect(rig.volume(tomb)?.expiresAtMs).not.toBeNull();
    expect((await bench.names()).has(tomb)).toBe(false);
    const volume = await bench.cloneOf(
      await bench.sealed(),
      bench.userVolume(),
    );
    const other = tombOf(volume.providerId, "x");
    await renameByHand(volume.providerId, other);
    await backend.deleteVolume(other, options);
    expect(rig.volume(other)?.expiresAtMs).not.toBeNull();
  });

  it("become evicted for good when a deletion that was to be undone is repeated for good", async () => {
    const entryKey = newEntry();
    const { providerId } = await sealed(entryKey);
    const [tomb, final] = [tombOf(providerId, "r"), tombOf(providerId, "x")];
    await renameByHand(providerId, tomb);
    await expect(found(entryKey)).resolves.toMatchObject({ providerId: tomb });
    await backend.deleteVolume(providerId, options);
    expect(rig.volume(final)?.expiresAtMs).not.toBeNull();
    await expect(found(entryKey)).resolves.toBeNull();
  });

  it("are not kept to be restored when they were never sealed", async () => {
    const made = await backend.createVolume(bench.imageVolume(), options);
    const tmp = made.providerId.replace("-img-", "-tmp-");
    const tomb = tombOf(tmp, "x");
    await backend.deleteVolume(made.providerId, restorable);
    expect(rig.volume(tomb)?.expiresAtMs).not.toBeNull();
  });

  it("come back unsealed, and serve clones once they are sealed again", async () => {
    const entryKey = newEntry();
    const from = await sealed(entryKey);
    const bytes = await bench.sha256(from);
    await backend.deleteVolume(from.providerId, restorable);
    const chosen = await found(entryKey);
    expect(chosen?.providerId).toMatch(/-r[0-9a-f]{6}$/);
    const attempt = newAttempt();
    const name = backend.nameFor({ kind: "image-volume", entryKey, attempt });
    const back = await backend.restoreVolume(
      chosen as Restorable,
      name,
      options,
    );
    expect(back).toEqual({ providerId: name, sizeBytes: from.sizeBytes });
    await expect(backend.find(name, options)).resolves.toMatchObject({
      role: "image-volume",
      seal: null,
    });
    const wanted = bench.userVolume();
    const clone = async () =>
      await backend.cloneVolume(back as BackendVolume, wanted, options);
    await expect(clone()).rejects.toMatchObject({ code: "VOLUME_NOT_SEALED" });
    await backend.seal(back as BackendVolume, sealFor(entryKey), options);
    await expect(bench.sha256(await clone())).resolves.toBe(bytes);
    // Once more: whoever lost the answer asks again.
    await expect(found(entryKey)).resolves.toBeNull();
    await expect(
      backend.restoreVolume(
        chosen as Restorable,
        bench.imageVolume().name,
        options,
      ),
    ).resolves.toBeNull();
  });

  it("are restored when a restoration was cut in two", async () => {
    const entryKey = newEntry();
    const { providerId } = await sealed(entryKey);
    const tomb = tombOf(providerId, "r");
    await backend.deleteVolume(providerId, restorable);
    const query = { names: [tomb] };
    await rig.asAdmin("PATCH", "volumes", query, { destroyed: false });
    const chosen = await found(entryKey);
    expect(chosen?.providerId).toBe(tomb);
    const attempt = newAttempt();
    const name = backend.nameFor({ kind: "image-volume", entryKey, attempt });
    await backend.restoreVolume(chosen as Restorable, name, options);
    // The answer was lost: the same again.
    await expect(
      backend.restoreVolume(chosen as Restorable, name, options),
    ).resolves.toMatchObject({ providerId: name });
    expect(rig.names()).toContain(name.replace("-img-", "-tmp-"));
  });

  it("are judged by the newest of their entry", async () => {
    const entryKey = newEntry();
    const [first, second] = [await sealed(entryKey), await sealed(entryKey)];
    const tombs = [first, second].map(({ providerId }) =>
      tombOf(providerId, "r"),
    );
    await backend.deleteVolume(first.providerId, restorable);
    rig.simulator.clock.advance(hour);
    await backend.deleteVolume(second.providerId, restorable);
    await expect(found(entryKey)).resolves.toMatchObject({
      providerId: tombs[1],
    });
    const third = await sealed(entryKey);
    rig.simulator.clock.advance(hour);
    await backend.deleteVolume(third.providerId, options);
    await expect(found(entryKey)).resolves.toBeNull();
  });

  it("of another entry whose key begins alike do not count", async () => {
    const entryKey = newEntry();
    const alike = `${entryKey.slice(0, 12)}${"0".repeat(20)}`;
    const { providerId } = await sealed(alike);
    await backend.deleteVolume(providerId, restorable);
    await expect(found(entryKey)).resolves.toBeNull();
    await expect(found(alike)).resolves.not.toBeNull();
  });

  it("are gone when the array has eradicated them, also between the look and the restoration", async () => {
    const entryKey = newEntry();
    const { providerId } = await sealed(entryKey);
    await backend.deleteVolume(providerId, restorable);
    const chosen = await found(entryKey);
    rig.simulator.clock.advance(25 * hour);
    const { name } = bench.imageVolume();
    await expect(
      backend.restoreVolume(chosen as Restorable, name, options),
    ).resolves.toBeNull();
    await expect(found(entryKey)).resolves.toBeNull();
  });

  it("are eradicated at once where that is asked for, and then never restored", async () => {
    const thorough = await rig.open({ isEradicating: true });
    expect(thorough.capabilities.trash).toBe(false);
    const entryKey = newEntry();
    const { providerId } = await sealed(entryKey);
    const id = rig.volume(providerId)?.id ?? "";
    await thorough.deleteVolume(providerId, restorable);
    expect(rig.simulator.model.volumes.withId(id)).toBeUndefined();
    await expect(
      thorough.findRestorable(entryKey, options),
    ).resolves.toBeNull();
  });

  it("are done with when SafeMode keeps them", async () => {
    const thorough = await rig.open({ isEradicating: true });
    const clone = await bench.cloneOf(await bench.sealed(), bench.userVolume());
    const tomb = tombOf(clone.providerId, "x");
    rig.simulator.model.settings.manualEradication = "all-disabled";
    await thorough.deleteVolume(clone.providerId, options);
    rig.simulator.model.settings.manualEradication = "all-enabled";
    expect(rig.volume(tomb)?.expiresAtMs).not.toBeNull();
  });

  it("are kept by a default protection group with a retention lock, but for image-volumes, which join none", async () => {
    await using locked = await FlashArrayRig.start({
      settings: {
        defaultProtection: [
          { name: "pgroup-auto", retentionLock: "ratcheted" },
        ],
      },
    });
    const { model } = locked.simulator;
    model.protectionGroups.add({
      id: "pgroup-auto",
      name: "pgroup-auto",
      retentionLock: "ratcheted",
      volumeIds: new Set(),
    });
    const thorough = await locked.open({ isEradicating: true });
    const from = await locked.bench(thorough).sealed();
    const wanted = locked.bench(thorough).userVolume();
    await locked.bench(thorough).cloneOf(from, wanted);
    await thorough.deleteVolume(wanted.name, options);
    await thorough.deleteVolume(from.providerId, options);
    expect(locked.names().map((name) => name.replace(/-x\w+$/, ""))).toEqual([
      `!${wanted.name}`,
      "ivc-data-set",
    ]);
    const free = await locked.open({
      isEradicating: true,
      defaultProtection: "none",
    });
    const source = await locked.bench(free).sealed();
    await locked.bench(free).cloneOf(source, locked.bench(free).userVolume());
    const members = model.protectionGroups.named("pgroup-auto")?.volumeIds;
    expect(members?.size).toBe(1);
  });
});
