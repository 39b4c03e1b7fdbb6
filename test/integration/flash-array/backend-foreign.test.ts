import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { FlashArrayBackend } from "../../../daemon/backends/flash-array/flash-array-backend.ts";
import {
  type BackendBench,
  mib,
  newAttempt,
  options,
} from "../../contract/backend-bench.ts";
import { FlashArrayRig } from "../../helpers/flash-array-rig.ts";

const namespace = "image-volume-cache";

describe("volumes of others on a FlashArray", () => {
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

  /** What `work` tried with the volume, and whether it is another one afterwards. */
  async function doneTo(name: string, work: () => Promise<unknown>) {
    const before = rig.volume(name);
    const text = JSON.stringify(before);
    expect(before).toBeDefined();
    const sent = await rig.requestsOf(work);
    const after = JSON.stringify(rig.volume(name));
    const changes = sent.filter(
      ({ method, query }) =>
        ["PATCH", "PUT", "DELETE"].includes(method) &&
        [query["names"], query["ids"], query["resource_ids"]].some(
          (target) => target === name || target === before?.id,
        ),
    );
    return { changes, isSame: after === text };
  }

  const nothing = { changes: [], isSame: true };

  async function refused(work: Promise<unknown>, code: string, text: string) {
    await expect(work).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text),
    });
  }

  it("keep the name of an image-volume", async () => {
    const wanted = bench.imageVolume();
    await rig.foreign(wanted.name);
    expect(
      await doneTo(wanted.name, async () => {
        await refused(
          backend.createVolume(wanted, options),
          "VOLUME_EXISTS",
          wanted.name,
        );
        await refused(
          backend.deleteVolume(wanted.name, options),
          "VOLUME_NOT_OURS",
          wanted.name,
        );
        await expect(backend.find(wanted.name, options)).resolves.toBeNull();
        expect((await bench.names()).has(wanted.name)).toBe(false);
        await refused(
          backend.openTarget(
            { providerId: wanted.name, sizeBytes: mib },
            options,
          ),
          "VOLUME_MISSING",
          wanted.name,
        );
      }),
    ).toEqual(nothing);
  });

  it("keep the name of an unsealed image-volume", async () => {
    const wanted = bench.imageVolume();
    const tmp = wanted.name.replace("-img-", "-tmp-");
    await rig.foreign(tmp);
    expect(
      await doneTo(tmp, async () => {
        await refused(
          backend.createVolume(wanted, options),
          "VOLUME_EXISTS",
          tmp,
        );
        await refused(
          backend.deleteVolume(wanted.name, options),
          "VOLUME_NOT_OURS",
          tmp,
        );
      }),
    ).toEqual(nothing);
  });

  it("keep the name of a user's volume", async () => {
    const from = await bench.sealed();
    const wanted = bench.userVolume();
    await rig.foreign(wanted.name);
    const made = await backend.createVolume(
      bench.attemptOf(bench.userVolume()),
      options,
    );
    expect(
      await doneTo(wanted.name, async () => {
        for (const work of [
          backend.cloneVolume(from, wanted, options),
          backend.createVolume(wanted, options),
          backend.renameVolume(made, wanted.name, options),
        ]) {
          await refused(work, "VOLUME_EXISTS", wanted.name);
        }
        await refused(
          backend.deleteVolume(wanted.name, options),
          "VOLUME_NOT_OURS",
          wanted.name,
        );
      }),
    ).toEqual(nothing);
  });

  it("keep that name in other letters: an array does not tell them apart", async () => {
    const from = await bench.sealed();
    const wanted = bench.userVolume();
    const loud = wanted.name.toUpperCase();
    await rig.foreign(loud);
    expect(
      await doneTo(loud, async () => {
        await refused(
          backend.cloneVolume(from, wanted, options),
          "VOLUME_EXISTS",
          loud,
        );
        await refused(
          backend.deleteVolume(wanted.name, options),
          "VOLUME_NOT_OURS",
          wanted.name,
        );
      }),
    ).toEqual(nothing);
  });

  it("keep the name of a tomb: the delete fails, and says why", async () => {
    const { providerId } = await bench.sealed();
    const end = rig.volume(providerId)?.serial.slice(-6).toLowerCase() ?? "";
    const tomb = `${providerId}-x${end}`;
    await rig.foreign(tomb);
    expect(
      await doneTo(tomb, async () => {
        await refused(
          backend.deleteVolume(providerId, options),
          "BACKEND_IO",
          "already exists",
        );
      }),
    ).toEqual(nothing);
    expect(rig.volume(providerId)?.expiresAtMs).toBeNull();
  });

  it("are not destroyed for looking like what a delete has left", async () => {
    const from = await bench.sealed();
    const names = [
      `${bench.imageVolume().name}-x000000`,
      `${bench.imageVolume().name}-r000000`,
    ];
    const [foreign = "", copy = ""] = names;
    await rig.foreign(foreign);
    // A copy of ours inherits our tag.
    const source = { source: { name: from.providerId } };
    await rig.asAdmin("POST", "volumes", { names: [copy] }, source);
    for (const tomb of names) {
      expect(
        await doneTo(tomb, async () => {
          await backend.deleteVolume(tomb.slice(0, -8), options);
          await refused(
            backend.deleteVolume(tomb, options),
            "VOLUME_NOT_OURS",
            tomb,
          );
          expect((await bench.names()).has(tomb)).toBe(false);
        }),
      ).toEqual(nothing);
    }
  });

  it("are not deleted when they are clones of ours under our name", async () => {
    // Another volume under our name that carries our inherited tag, and the tags that our volume was labelled with.
    const from = await bench.sealed();
    const volume = await bench.cloneOf(from, bench.userVolume());
    const label = {
      volumeId: randomUUID(),
      projectId: "p",
      imageId: randomUUID(),
      attempt: "aaaaaaaaaa",
    };
    await backend.labelVolume(volume, label, options);
    const { providerId } = volume;
    const tags = rig.volume(providerId)?.tags ?? [];
    await rig.asAdmin(
      "PATCH",
      "volumes",
      { names: [providerId] },
      { name: `moved-${newAttempt()}` },
    );
    await rig.asAdmin(
      "POST",
      "volumes",
      { names: [providerId] },
      { source: { name: from.providerId } },
    );
    await rig.asAdmin(
      "PUT",
      "volumes/tags/batch",
      { resource_names: [providerId] },
      tags,
    );
    expect(
      await doneTo(providerId, async () => {
        await refused(
          backend.deleteVolume(providerId, options),
          "VOLUME_NOT_OURS",
          providerId,
        );
        await expect(backend.find(providerId, options)).resolves.toBeNull();
      }),
    ).toEqual(nothing);
  });

  it("are not ours for carrying the tag of another data set", async () => {
    const other = await rig.open({ prefix: "other" });
    const { providerId } = await rig.bench(other).sealed();
    expect(
      await doneTo(providerId, async () => {
        await refused(
          backend.deleteVolume(providerId, options),
          "VOLUME_NOT_OURS",
          providerId,
        );
      }),
    ).toEqual(nothing);
    const name = backend.nameFor({ kind: "volume", volumeId: randomUUID() });
    await rig.foreign(name);
    const tag = { key: "made-by", value: randomUUID(), namespace };
    await rig.asAdmin("PUT", "volumes/tags/batch", { resource_names: [name] }, [
      tag,
    ]);
    expect(
      await doneTo(name, async () => {
        await refused(
          backend.deleteVolume(name, options),
          "VOLUME_NOT_OURS",
          name,
        );
      }),
    ).toEqual(nothing);
  });

  it("are not taken for the source of a clone", async () => {
    await rig.foreign("production-db");
    expect(
      await doneTo("production-db", async () => {
        await refused(
          backend.cloneVolume(
            { providerId: "production-db", sizeBytes: mib },
            bench.userVolume(),
            options,
          ),
          "VOLUME_NOT_OURS",
          "production-db",
        );
      }),
    ).toEqual(nothing);
  });

  it("may not be put in the place of a volume between the look and the delete", async () => {
    const volume = await bench.cloneOf(
      await bench.sealed(),
      bench.userVolume(),
    );
    const { providerId } = volume;
    // The rename arrives after an administrator's own: it is for the volume that was looked at, not for the name.
    rig.simulator.faults.add({
      method: "PATCH",
      path: "volumes",
      when: ({ body }) => body.includes(`${providerId}-x`),
      fault: { kind: "slow", ms: 300 },
    });
    const deleted = backend.deleteVolume(providerId, options);
    await waitForPatch(rig, providerId);
    await rig.asAdmin(
      "PATCH",
      "volumes",
      { names: [providerId] },
      { name: "kept-aside" },
    );
    await rig.foreign(providerId);
    await deleted;
    expect(rig.volume(providerId)?.expiresAtMs).toBeNull();
    rig.simulator.faults.clear();
  });
});

async function waitForPatch(rig: FlashArrayRig, name: string): Promise<void> {
  const deadline = Date.now() + 5000;
  const isOpen = () =>
    rig.simulator.log
      .calls("PATCH", "volumes")
      .some(
        ({ status, body }) =>
          status === "open" && JSON.stringify(body).includes(name),
      );
  while (!isOpen()) {
    if (Date.now() > deadline) {
      throw new Error("no PATCH came");
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
