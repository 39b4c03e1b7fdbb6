import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { volumeItem } from "../../../daemon/backends/flash-array/array-items.ts";
import type { FlashArrayBackend } from "../../../daemon/backends/flash-array/flash-array-backend.ts";
import { readTags } from "../../../daemon/backends/flash-array/own-volumes.ts";
import type {
  Restorable,
  Seal,
} from "../../../daemon/backends/volume-backend.ts";
import type { FaultRule } from "../../../simulator/faults/fault.ts";
import {
  type BackendBench,
  mib,
  newAttempt,
  options,
} from "../../contract/backend-bench.ts";
import { FlashArrayRig } from "../../helpers/flash-array-rig.ts";
import { recordingLogger } from "../../helpers/recording-logger.ts";

const restorable = { ...options, isRestorable: true };

describe("two who work on one volume of a FlashArray at once", () => {
  let rig: FlashArrayRig;
  let backend: FlashArrayBackend;
  let other: FlashArrayBackend;
  let bench: BackendBench;
  beforeAll(async () => {
    rig = await FlashArrayRig.start();
    backend = await rig.open();
    other = await rig.open({ node: "node2" });
    bench = rig.bench(backend);
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });

  /** Does `meanwhile` while the first request of `work` that the rule is for is held up before the array. */
  async function heldUp<T>(
    rule: Omit<FaultRule, "fault">,
    work: () => Promise<T>,
    meanwhile: () => Promise<unknown>,
  ): Promise<T> {
    const fault = { kind: "slow", ms: 700 } as const;
    const cue = rig.simulator.faults.add({ ...rule, fault });
    const working = work();
    working.catch(() => {});
    const deadline = Date.now() + 5000;
    while (cue.calls === 0) {
      if (Date.now() > deadline) {
        throw new Error("what was to be held up never came");
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await meanwhile();
    return await working;
  }

  const renames = (part: string) => ({
    method: "PATCH",
    path: "volumes",
    when: ({ body }: { readonly body: string }) =>
      body.includes('"name"') && body.includes(part),
  });

  const renameByHand = async (name: string, to: string) =>
    await rig.asAdmin("PATCH", "volumes", { names: [name] }, { name: to });

  const tmpOf = (name: string) => name.replace("-img-", "-tmp-");

  function sealFor(entryKey: string): Seal {
    return {
      volumeId: "image-volume",
      entryKey,
      content: "c",
      imageId: "i",
      virtualSizeBytes: mib,
      checksum: null,
      sealedAtMs: 1,
    };
  }

  /** An evicted image-volume, and names to restore it under. */
  async function evicted() {
    const { providerId, seal } = await bench.sealed();
    await backend.deleteVolume(providerId, restorable);
    const { entryKey } = seal;
    const found = await backend.findRestorable(entryKey, options);
    const nameOf = () =>
      backend.nameFor({
        kind: "image-volume",
        entryKey,
        attempt: newAttempt(),
      });
    return { seal, entryKey, nameOf, tomb: found as Restorable };
  }

  it("have one restoration: who comes late does not take what the other has sealed", async () => {
    const { seal, tomb, nameOf } = await evicted();
    const [late, first] = [nameOf(), nameOf()];
    const lost = await heldUp(
      renames(tmpOf(late)),
      async () => await backend.restoreVolume(tomb, late, options),
      async () => {
        const restored = await other.restoreVolume(tomb, first, options);
        expect(restored?.providerId).toBe(first);
        await other.seal({ providerId: first, sizeBytes: mib }, seal, options);
      },
    );
    expect(lost).toBeNull();
    await expect(other.find(first, options)).resolves.toMatchObject({ seal });
    expect(rig.volume(tmpOf(late))).toBeUndefined();
  });

  it("leave a late recovery of a tomb no second life", async () => {
    const { seal, tomb, nameOf } = await evicted();
    const [late, first] = [nameOf(), nameOf()];
    const lost = await heldUp(
      {
        method: "PATCH",
        path: "volumes",
        when: ({ body }) => body.includes("destroyed"),
      },
      async () => await backend.restoreVolume(tomb, late, options),
      async () => {
        await other.restoreVolume(tomb, first, options);
        await other.seal({ providerId: first, sizeBytes: mib }, seal, options);
        await other.deleteVolume(first, options);
      },
    );
    expect(lost).toBeNull();
    const live = rig.names().filter((name) => name.includes(late.slice(0, 20)));
    expect(live.every((name) => name.startsWith("!"))).toBe(true);
  });

  it("do not seal what a deletion has begun to take away", async () => {
    const wanted = bench.imageVolume();
    const made = await backend.createVolume(wanted, options);
    const serial = rig.volume(tmpOf(wanted.name))?.serial ?? "";
    const tomb = `${tmpOf(wanted.name)}-x${serial.slice(-6).toLowerCase()}`;
    const sealed = heldUp(
      renames("-img-"),
      async () => await backend.seal(made, sealFor(wanted.entryKey), options),
      async () => await renameByHand(tmpOf(wanted.name), tomb),
    );
    await expect(sealed).rejects.toMatchObject({ code: "VOLUME_MISSING" });
    expect(rig.volume(wanted.name)).toBeUndefined();
    await backend.deleteVolume(wanted.name, options);
    expect(rig.volume(tomb)?.expiresAtMs).not.toBeNull();
  });

  it("do not give a user's volume its name when a deletion is done with it", async () => {
    const wanted = bench.userVolume();
    const made = await backend.createVolume(bench.attemptOf(wanted), options);
    const renamed = heldUp(
      renames(wanted.name),
      async () => await backend.renameVolume(made, wanted.name, options),
      async () => await other.deleteVolume(made.providerId, options),
    );
    await expect(renamed).rejects.toMatchObject({ code: "VOLUME_MISSING" });
    expect(rig.names().join()).not.toContain(wanted.name);
  });

  it("leave what somebody has put in its place its name", async () => {
    const wanted = bench.imageVolume();
    const tmp = tmpOf(wanted.name);
    const made = await backend.createVolume(wanted, options);
    const sealed = heldUp(
      renames("-img-"),
      async () => await backend.seal(made, sealFor(wanted.entryKey), options),
      async () => {
        await renameByHand(tmp, `aside-${newAttempt()}`);
        await rig.foreign(tmp);
      },
    );
    await expect(sealed).rejects.toMatchObject({
      code: "BACKEND_CONFLICT",
      message: expect.stringContaining("in its place"),
    });
    expect(rig.volume(wanted.name)).toBeUndefined();
    expect(rig.volume(tmp)?.tags).toEqual([]);
  });

  it("miss no volume that is sealed between the looks of a deletion, nor of a find", async () => {
    for (const work of ["delete", "find"] as const) {
      const wanted = bench.imageVolume();
      const made = await backend.createVolume(wanted, options);
      const seal = sealFor(wanted.entryKey);
      const found = await heldUp(
        {
          method: "GET",
          path: "volumes",
          when: ({ query }) => query.includes(tmpOf(wanted.name)),
        },
        async () => {
          if (work === "find") {
            return await other.find(wanted.name, options);
          }
          await other.deleteVolume(wanted.name, options);
          return null;
        },
        async () => await backend.seal(made, seal, options),
      );
      expect(found?.seal ?? null).toEqual(work === "find" ? seal : null);
      expect(rig.names().includes(wanted.name)).toBe(work === "find");
    }
  });

  it.each([
    ["its rename", renames("-x")],
    ["its question for tags", { method: "GET", path: "volumes/tags" }],
    [
      "its destruction",
      {
        method: "PATCH",
        path: "volumes",
        when: ({ body }: { readonly body: string }) =>
          body.includes("destroyed"),
      },
    ],
  ])("both have deleted it when one was held up at %s", async (_, rule) => {
    const thorough = await rig.open({ isEradicating: true });
    for (const faster of [other, thorough]) {
      const wanted = bench.userVolume();
      await bench.cloneOf(await bench.sealed(), wanted);
      await heldUp(
        rule,
        async () => await backend.deleteVolume(wanted.name, options),
        async () => await faster.deleteVolume(wanted.name, options),
      );
      expect(rig.names()).not.toContain(wanted.name);
    }
  });

  it("grow and label the volume that was made, not what has its name by now", async () => {
    const from = await bench.sealed();
    const wanted = bench.userVolume();
    const clone = await backend.cloneVolume(from, wanted, options);
    const aside = `aside-${newAttempt()}`;
    await renameByHand(wanted.name, aside);
    await rig.foreign(wanted.name, mib);
    await backend.extendVolume(clone, 8 * mib, options);
    expect(rig.volume(aside)?.provisioned).toBe(8 * mib);
    // A daemon that has not made it looks first.
    await expect(
      other.extendVolume(clone, 8 * mib, options),
    ).rejects.toMatchObject({ code: "VOLUME_MISSING" });
    expect(rig.volume(wanted.name)?.provisioned).toBe(mib);
  });

  it("forget what they have deleted: one of the same name may be made by the other", async () => {
    const from = await bench.sealed();
    const wanted = bench.userVolume();
    await backend.cloneVolume(from, wanted, options);
    await backend.deleteVolume(wanted.name, options);
    const clone = await other.cloneVolume(from, wanted, options);
    const label = {
      volumeId: "v",
      projectId: "p",
      imageId: "i",
      attempt: "aaaaaaaaaa",
    };
    await backend.extendVolume(clone, 8 * mib, options);
    await backend.labelVolume(clone, label, options);
    expect(rig.volume(wanted.name)?.provisioned).toBe(8 * mib);
    expect(rig.tags(wanted.name)).toMatchObject({ "project-id": "p" });
  });

  it("put back into the trash what could not be restored whole", async () => {
    const { entryKey, tomb, nameOf } = await evicted();
    const rule = renames("-tmp-");
    const refusing = rig.simulator.faults.add({
      ...rule,
      times: "always",
      fault: { kind: "refuse", message: "Internal error." },
    });
    await expect(
      backend.restoreVolume(tomb, nameOf(), options),
    ).rejects.toMatchObject({ code: "BACKEND_IO" });
    refusing.remove();
    expect(rig.volume(tomb.providerId)?.expiresAtMs).not.toBeNull();
    const abort = new AbortController();
    const cancelling = rig.simulator.faults.add({
      ...rule,
      when: (request) => {
        if (!rule.when(request)) {
          return false;
        }
        abort.abort(new Error("the job was cancelled"));
        return true;
      },
      fault: { kind: "unavailable" },
    });
    await expect(
      backend.restoreVolume(tomb, nameOf(), { signal: abort.signal }),
    ).rejects.toThrow("the job was cancelled");
    expect(cancelling.calls).toBe(1);
    expect(rig.volume(tomb.providerId)?.expiresAtMs).not.toBeNull();
    await expect(
      backend.findRestorable(entryKey, options),
    ).resolves.toMatchObject({ providerId: tomb.providerId });
    const name = nameOf();
    await expect(
      backend.restoreVolume(tomb, name, options),
    ).resolves.toMatchObject({ providerId: name });
  });

  it.each(["forbidden", "unavailable"] as const)(
    "are done with a deletion whose eradication is %s, and say so",
    async (kind) => {
      const { logger, lines } = recordingLogger();
      const thorough = await rig.open({ isEradicating: true, logger });
      const wanted = bench.userVolume();
      await bench.cloneOf(await bench.sealed(), wanted);
      const cue = rig.simulator.faults.add({
        method: "DELETE",
        path: "volumes",
        times: "always",
        fault: { kind },
      });
      await thorough.deleteVolume(wanted.name, options);
      cue.remove();
      expect(rig.names().join()).toContain(`!${wanted.name}-x`);
      expect(lines).toContainEqual(
        expect.objectContaining({
          level: "warn",
          event: "eradication left to the array",
        }),
      );
    },
  );

  it("do not take a list for empty on an array that does not list by name what is there", async () => {
    const own = await rig.open({ prefix: "listed" });
    await rig.bench(own).sealed();
    await renameByHand("listed-data-set", "hidden");
    await expect(rig.bench(own).names()).rejects.toMatchObject({
      code: "BACKEND_IO",
      retry: "later",
      message: expect.stringContaining("does not list it"),
    });
    await renameByHand("hidden", "listed-data-set");
    await expect(rig.bench(own).names()).resolves.toHaveProperty("size", 1);
  });

  it("ask for no more tags at once than a URL may name", async () => {
    const names = Array.from({ length: 101 }, (_, at) => `many-${at}`);
    const query = { names };
    await rig.asAdmin("POST", "volumes", query, { provisioned: mib });
    const filter = "name='many-*'";
    const items = await rig.admin.list(
      "volumes",
      { filter },
      volumeItem,
      options,
    );
    const sent = await rig.requestsOf(
      async () => await readTags(rig.admin, items, options),
    );
    const counts = sent.map(
      ({ query: { resource_ids = "" } }) => resource_ids.split(",").length,
    );
    expect(counts).toEqual([50, 50, 1]);
  });
});
