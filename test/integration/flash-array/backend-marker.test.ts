import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { mib, options } from "../../contract/backend-bench.ts";
import { FlashArrayRig, shortly } from "../../helpers/flash-array-rig.ts";

const namespace = "image-volume-cache";
const iqn = "iqn.2026-01.org.example:other";

describe("the marker volume of a FlashArray backend", () => {
  let rig: FlashArrayRig;
  beforeAll(async () => {
    rig = await FlashArrayRig.start();
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });

  /** Why the marker of this prefix is not usable; whatever is there is only read. */
  async function conflictOf(prefix: string): Promise<string> {
    const name = `${prefix}-data-set`;
    const before = structuredClone(rig.volume(name));
    let error: unknown;
    const sent = await rig.requestsOf(async () => {
      error = await rig.open({ prefix }).catch((thrown: unknown) => thrown);
    });
    expect(error).toMatchObject({ code: "BACKEND_CONFLICT", retry: "never" });
    expect(rig.volume(name)).toEqual(before);
    const methods = sent
      .filter(({ path }) => path !== "login")
      .map(({ method }) => method);
    expect(new Set(methods)).toEqual(new Set(["GET"]));
    return (error as Error).message;
  }

  it("is not made on an array, or under a prefix, that the index does not know the backend by", async () => {
    const known = await rig.open({ prefix: "known" });
    const identity = await known.identity(options);
    const markerId = identity.split("/")[1] ?? "";
    const refused = async (prefix: string, recordedIdentity: string) => {
      let error: unknown;
      const sent = await rig.requestsOf(async () => {
        error = await rig
          .open({ prefix, recordedIdentity })
          .catch((thrown: unknown) => thrown);
      });
      expect(error).toMatchObject({ code: "BACKEND_CONFLICT", retry: "never" });
      const writes = sent.filter(
        ({ method, path }) => method !== "GET" && path !== "login",
      );
      expect(writes).toEqual([]);
      return (error as Error).message;
    };
    const elsewhere = `${randomUUID()}/${markerId}`;
    expect(await refused("known", elsewhere)).toMatch(/correct san_ip/);
    expect(await refused("new", identity)).toMatch(/is not on .* any more/);
    expect(rig.volume("new-data-set")).toBeUndefined();
    await rig.open({ prefix: "second" });
    expect(await refused("second", identity)).toMatch(/is another one/);
    const again = await rig.open({
      prefix: "known",
      recordedIdentity: identity,
    });
    await expect(again.identity(options)).resolves.toBe(identity);
  });

  it("is made once, and is the identity together with the array's id", async () => {
    const backend = await rig.open({ prefix: "once" });
    const identity = await backend.identity(options);
    const marker = rig.volume("once-data-set");
    expect(identity).toBe(`${rig.simulator.model.id}/${marker?.id}`);
    expect(marker?.provisioned).toBe(mib);
    expect(rig.tags("once-data-set")).toEqual({
      "made-by": marker?.id,
      "volume-suffix": "volume-*-ivc",
    });
    const again = await rig.requestsOf(async () => {
      const other = await rig.open({ prefix: "once", node: "node2" });
      await expect(other.identity(options)).resolves.toBe(identity);
    });
    expect(
      again.filter(({ method, path }) => method !== "GET" && path !== "login"),
    ).toEqual([]);
  });

  it("is the same for daemons that start at once", async () => {
    const backends = await Promise.all(
      ["a", "b", "c", "d"].map(
        async (node) => await rig.open({ prefix: "race", node }),
      ),
    );
    const identities = await Promise.all(
      backends.map(async (backend) => await backend.identity(options)),
    );
    expect(new Set(identities).size).toBe(1);
    const from = await rig.bench(backends[0] as never).sealed();
    for (const backend of backends) {
      await expect(
        backend.find(from.providerId, options),
      ).resolves.toMatchObject({ seal: from.seal });
    }
  });

  it.each(["POST volumes", "PUT volumes/tags/batch"])(
    "is finished when the answer to %s was lost",
    async (call) => {
      const [method = "", path = ""] = call.split(" ");
      for (const kind of ["reset-before", "reset-after"] as const) {
        const prefix = `lost-${method.toLowerCase()}-${kind}`;
        const cue = rig.simulator.faults.add({ method, path, fault: { kind } });
        await rig.open({ prefix });
        expect(cue.calls).toBe(1);
        const id = rig.volume(`${prefix}-data-set`)?.id;
        expect(rig.tags(`${prefix}-data-set`)).toMatchObject({
          "made-by": id,
        });
      }
    },
  );

  it("is tagged when a daemon died before it could", async () => {
    await rig.foreign("died-data-set", mib);
    await rig.open({ prefix: "died" });
    const id = rig.volume("died-data-set")?.id;
    expect(rig.tags("died-data-set")).toMatchObject({ "made-by": id });
  });

  it("is not taken from somebody else: another size", async () => {
    await rig.foreign("size-data-set", 2 * mib);
    expect(await conflictOf("size")).toContain(
      "2097152 bytes instead of 1048576",
    );
  });

  it("is not taken from somebody else: a copy", async () => {
    await rig.foreign("source-of-copy", mib);
    const body = { source: { name: "source-of-copy" } };
    await rig.asAdmin("POST", "volumes", { names: ["copy-data-set"] }, body);
    expect(await conflictOf("copy")).toContain(
      "it is a copy of source-of-copy",
    );
  });

  it("is not taken from somebody else: connected", async () => {
    await rig.foreign("used-data-set", mib);
    await rig.asAdmin("POST", "hosts", { names: ["other"] }, { iqns: [iqn] });
    await rig.asAdmin("POST", "connections", {
      host_names: ["other"],
      volume_names: ["used-data-set"],
    });
    expect(await conflictOf("used")).toContain("it is connected to hosts");
  });

  it("is not taken from somebody else: another's tag", async () => {
    await rig.foreign("tagged-data-set", mib);
    const tag = { key: "made-by", value: randomUUID(), namespace };
    const query = { resource_names: ["tagged-data-set"] };
    await rig.asAdmin("PUT", "volumes/tags/batch", query, [tag]);
    expect(await conflictOf("tagged")).toContain(
      "it is a copy of another marker",
    );
  });

  it("keeps the suffix of users' volumes, without which all of them would be taken for gone", async () => {
    const first = await rig.open({ prefix: "suffix" });
    const recordedIdentity = await first.identity(options);
    const other = { prefix: "suffix", volumeSuffix: "-cinder" };
    for (const settings of [other, { ...other, recordedIdentity }]) {
      await expect(rig.open(settings)).rejects.toMatchObject({
        code: "BACKEND_CONFLICT",
        message: expect.stringMatching(/"-ivc".*"-cinder".*to "-ivc"/),
      });
    }
    const none = { prefix: "bare", volumeSuffix: "" };
    await rig.open(none);
    await rig.open(none);
    expect(rig.tags("bare-data-set")).toMatchObject({
      "volume-suffix": "volume-*",
    });
    await expect(
      rig.open({ ...none, volumeSuffix: "-ivc" }),
    ).rejects.toMatchObject({ code: "BACKEND_CONFLICT" });
  });

  it("learns that suffix where it lacks it, and a running daemon learns of another one", async () => {
    const running = await rig.open({ prefix: "older" });
    const recordedIdentity = await running.identity(options);
    await rig.asAdmin("DELETE", "volumes/tags", {
      keys: ["volume-suffix"],
      namespaces: [namespace],
      resource_names: ["older-data-set"],
    });
    await expect(running.identity(options)).resolves.toBe(recordedIdentity);
    const settings = { prefix: "older", volumeSuffix: "-new" };
    await expect(
      rig.open({
        ...settings,
        recordedIdentity: `${recordedIdentity.slice(0, -1)}z`,
      }),
    ).rejects.toMatchObject({
      message: expect.stringContaining("another one"),
    });
    expect(rig.tags("older-data-set")).not.toHaveProperty("volume-suffix");
    await rig.open({ ...settings, recordedIdentity });
    await expect(running.identity(options)).rejects.toMatchObject({
      code: "BACKEND_CONFLICT",
    });
  });

  it("is not adopted under a name in other letters, nor is a pod or a volume group", async () => {
    await rig.open({ prefix: "Loud" });
    expect(rig.volume("loud-data-set")?.name).toBe("Loud-data-set");
    await expect(rig.open({ prefix: "loud" })).rejects.toMatchObject({
      code: "BACKEND_CONFLICT",
      message: expect.stringContaining("not spelled loud-data-set"),
    });
    await rig.asAdmin("POST", "pods", { names: ["Pod1"] }, {});
    await rig.asAdmin("POST", "volume-groups", { names: ["Group1"] }, {});
    for (const [settings, name] of [
      [{ pod: "pod1" }, "Pod1"],
      [{ volumeGroup: "group1" }, "Group1"],
    ] as const) {
      const before = rig.names();
      await expect(rig.open(settings)).rejects.toMatchObject({
        code: "BACKEND_CONFLICT",
        message: expect.stringContaining(`is called ${name} there`),
      });
      expect(rig.names()).toEqual(before);
    }
    await rig.open({ pod: "Pod1" });
  });

  it("is not made anew while it is pending eradication", async () => {
    const backend = await rig.open({ prefix: "gone" });
    const query = { names: ["gone-data-set"] };
    await rig.asAdmin("PATCH", "volumes", query, { destroyed: true });
    expect(await conflictOf("gone")).toContain("recover it");
    const lost = { code: "BACKEND_CONFLICT" };
    await expect(backend.identity(options)).rejects.toMatchObject(lost);
    const wanted = rig.bench(backend).imageVolume();
    const create = async () => await backend.createVolume(wanted, options);
    await expect(create()).rejects.toMatchObject(lost);
    await rig.asAdmin("DELETE", "volumes", query);
    await expect(backend.identity(options)).rejects.toMatchObject(lost);
    await expect(create()).rejects.toMatchObject(lost);
  });

  it("is neither listed nor deleted", async () => {
    const backend = await rig.open({ prefix: "kept" });
    expect((await rig.bench(backend).names()).size).toBe(0);
    await expect(
      backend.deleteVolume("kept-data-set", options),
    ).rejects.toMatchObject({ code: "VOLUME_NOT_OURS" });
  });

  it("comes into a volume group that is made for it, once", async () => {
    const open = async (node: string) =>
      await rig.open({ prefix: "in", volumeGroup: "cache", node });
    await Promise.all([open("a"), open("b")]);
    expect(rig.volume("cache/in-data-set")).toBeDefined();
    const sent = await rig.requestsOf(async () => await open("c"));
    expect(shortly(sent)).not.toContain("POST volume-groups");
    await rig.asAdmin("POST", "volume-groups", { names: ["old"] }, {});
    const destroyed = { destroyed: true };
    await rig.asAdmin("PATCH", "volume-groups", { names: ["old"] }, destroyed);
    await expect(
      rig.open({ prefix: "in", volumeGroup: "old" }),
    ).rejects.toMatchObject({
      code: "BACKEND_CONFLICT",
      message: expect.stringContaining("volume group old"),
    });
  });

  it("never makes a pod", async () => {
    const sent = await rig.requestsOf(async () => {
      await expect(rig.open({ pod: "nowhere" })).rejects.toMatchObject({
        code: "BACKEND_CONFLICT",
        message: expect.stringContaining("there is no pod nowhere"),
      });
    });
    expect(shortly(sent)).not.toContain("POST pods");
  });

  it("needs a newer array for a volume group in a pod", async () => {
    await using old = await FlashArrayRig.start({ newest: "2.19" });
    await old.asAdmin("POST", "pods", { names: ["dr"] }, {});
    await old.open({ pod: "dr" });
    expect(old.volume("dr::ivc-data-set")).toBeDefined();
    await expect(
      old.open({ pod: "dr", volumeGroup: "cache" }),
    ).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});

describe("a FlashArray backend whose address leads to another array by now", () => {
  it("takes nothing for gone, and makes nothing", async () => {
    await using rig = await FlashArrayRig.start();
    const backend = await rig.open();
    const identity = await backend.identity(options);
    const bench = rig.bench(backend);
    const from = await bench.sealed();
    const volume = await bench.cloneOf(from, bench.userVolume());
    // What the other array has: volumes of the same names, even a marker.
    for (const { name } of rig.simulator.model.volumes.all()) {
      const query = { names: [name] };
      await rig.asAdmin("PATCH", "volumes", query, { destroyed: true });
      await rig.asAdmin("DELETE", "volumes", query);
    }
    const other = await rig.open({ node: "node2" });
    await rig.foreign(volume.providerId);
    const before = rig.names();
    const { providerId } = from;
    for (const work of [
      async () => await backend.find(providerId, options),
      async () => await backend.find(volume.providerId, options),
      async () => await backend.deleteVolume(providerId, options),
      async () => await bench.cloneOf(from, bench.userVolume()),
      async () => await backend.createVolume(bench.imageVolume(), options),
      async () => await backend.openTarget(from, options),
      async () => await bench.names(),
    ]) {
      await expect(work()).rejects.toMatchObject({ code: "BACKEND_CONFLICT" });
    }
    await expect(
      backend.deleteVolume(volume.providerId, options),
    ).rejects.toMatchObject({ code: "VOLUME_NOT_OURS" });
    expect(rig.names()).toEqual(before);
    expect((await rig.bench(other).names()).size).toBe(0);
    await expect(backend.identity(options)).resolves.not.toBe(identity);
  });
});
