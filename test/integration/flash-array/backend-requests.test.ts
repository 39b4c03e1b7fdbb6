import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { FlashArrayBackend } from "../../../daemon/backends/flash-array/flash-array-backend.ts";
import {
  type BackendBench,
  mib,
  newAttempt,
  options,
} from "../../contract/backend-bench.ts";
import { FlashArrayRig, shortly } from "../../helpers/flash-array-rig.ts";

describe("what a FlashArray backend sends", () => {
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

  it("is one POST for a hit", async () => {
    const from = await bench.sealed();
    const wanted = bench.userVolume();
    const sent = await rig.requestsOf(
      async () => await backend.cloneVolume(from, wanted, options),
    );
    expect(shortly(sent)).toEqual(["POST volumes"]);
    expect(sent[0]).toMatchObject({
      query: { names: wanted.name },
      body: { source: { name: from.providerId } },
      status: 200,
    });
    expect(Object.keys(sent[0]?.query ?? {})).toEqual(["names"]);
  });

  it("is one PATCH more for a hit that grows, and nothing for one that does not", async () => {
    const clone = await bench.cloneOf(await bench.sealed(), bench.userVolume());
    const grow = async (size: number) =>
      await rig.requestsOf(
        async () => await backend.extendVolume(clone, size, options),
      );
    expect(shortly(await grow(clone.sizeBytes))).toEqual([]);
    const sent = await grow(clone.sizeBytes + 1);
    expect(shortly(sent)).toEqual(["PATCH volumes"]);
    expect(sent[0]).toMatchObject({
      query: { ids: rig.volume(clone.providerId)?.id },
      body: { provisioned: clone.sizeBytes + 512 },
    });
    // The size that the caller knows is old: the array's refusal to shrink is no failure.
    const late = await grow(clone.sizeBytes + 1);
    expect(late.at(-1)?.status).toBe(200);
    await grow(8 * mib);
    await expect(
      backend.extendVolume(clone, clone.sizeBytes + 1, options),
    ).resolves.toMatchObject({ sizeBytes: 8 * mib });
    expect(rig.volume(clone.providerId)?.provisioned).toBe(8 * mib);
  });

  it("is a look, a POST, a PATCH and a PUT for an empty image-volume", async () => {
    const wanted = bench.imageVolume();
    const sent = await rig.requestsOf(
      async () => await backend.createVolume(wanted, options),
    );
    expect(shortly(sent)).toEqual([
      "GET volumes",
      "POST volumes",
      "PATCH volumes",
      "PUT volumes/tags/batch",
    ]);
    expect(sent[1]?.query).toEqual({
      names: wanted.name.replace("-img-", "-tmp-"),
      with_default_protection: "false",
    });
  });

  it("is four requests to seal, of which the last gives the name", async () => {
    const wanted = bench.imageVolume();
    const made = await backend.createVolume(wanted, options);
    const seal = sealFor(wanted);
    const sent = await rig.requestsOf(
      async () => await backend.seal(made, seal, options),
    );
    expect(shortly(sent)).toEqual([
      "GET volumes",
      "GET volumes/tags",
      "PUT volumes/tags/batch",
      "PATCH volumes",
    ]);
    expect(sent.at(-1)).toMatchObject({
      query: { names: wanted.name.replace("-img-", "-tmp-") },
      body: { name: wanted.name },
    });
  });

  it("is two looks and two PATCHes for a delete, and a DELETE where that is wanted", async () => {
    const from = await bench.sealed();
    const clone = await bench.cloneOf(from, bench.userVolume());
    const sent = await rig.requestsOf(
      async () => await backend.deleteVolume(clone.providerId, options),
    );
    const four = [
      "GET volumes",
      "GET volumes/tags",
      "PATCH volumes",
      "PATCH volumes",
    ];
    expect(shortly(sent)).toEqual(four);
    const thorough = await rig.open({ isEradicating: true });
    const more = await rig.requestsOf(
      async () => await thorough.deleteVolume(from.providerId, options),
    );
    // Looked for as an unsealed one first.
    expect(shortly(more)).toEqual(["GET volumes", ...four, "DELETE volumes"]);
    expect(rig.names().join()).not.toContain(from.providerId);
  });

  it("is two requests to find what can be restored, and four to restore it", async () => {
    const { providerId, seal } = await bench.sealed();
    const restorable = { ...options, isRestorable: true };
    await backend.deleteVolume(providerId, restorable);
    const look = await rig.requestsOf(
      async () => await backend.findRestorable(seal.entryKey, options),
    );
    expect(shortly(look)).toEqual(["GET volumes", "GET volumes/tags"]);
    const found = await backend.findRestorable(seal.entryKey, options);
    expect(found).toMatchObject({ seal });
    const name = backend.nameFor({
      kind: "image-volume",
      entryKey: seal.entryKey,
      attempt: newAttempt(),
    });
    const sent = await rig.requestsOf(async () => {
      await expect(
        backend.restoreVolume(
          found as NonNullable<typeof found>,
          name,
          options,
        ),
      ).resolves.toMatchObject({ providerId: name });
    });
    expect(shortly(sent)).toEqual([
      "GET volumes",
      "GET volumes/tags",
      "PATCH volumes",
      "PATCH volumes",
    ]);
  });

  it("is one question for the tags of 50 volumes", async () => {
    const own = await rig.open({ prefix: "many" });
    const from = await rig.bench(own).sealed();
    for (let made = 0; made < 60; made += 1) {
      await rig.bench(own).cloneOf(from, rig.bench(own).userVolume());
    }
    const listed = rig.bench(own);
    const sent = await rig.requestsOf(async () => {
      expect((await listed.names()).size).toBe(61);
    });
    const questions = sent.filter(({ path }) => path === "volumes/tags");
    expect(questions.length).toBe(2);
    for (const { query } of questions) {
      expect(String(query["resource_ids"]).length).toBeLessThan(2000);
    }
  });

  it("asks for the limits of users' volumes in the same POST", async () => {
    const limited = await rig.open({
      qos: { maxIOPS: 2000, maxBWS: 200 * mib },
      defaultProtection: "none",
    });
    const sent = await rig.requestsOf(async () => {
      const from = await rig.bench(limited).sealed();
      await rig.bench(limited).cloneOf(from, bench.userVolume());
    });
    const [image, clone] = sent.filter(({ method }) => method === "POST");
    const qos = { iops_limit: 2000, bandwidth_limit: 200 * mib };
    expect(image?.body).not.toHaveProperty("qos");
    expect(clone).toMatchObject({
      query: { with_default_protection: "false" },
      body: { qos },
    });
  });

  it("never mentions protection groups to an array that has none, nor truncate or overwrite to any", async () => {
    await using old = await FlashArrayRig.start({ newest: "2.15" });
    const elder = await old.open({ defaultProtection: "none" });
    const from = await old.bench(elder).sealed();
    const clone = await old
      .bench(elder)
      .cloneOf(from, old.bench(elder).userVolume());
    await elder.extendVolume(clone, 8 * mib, options);
    await elder.deleteVolume(clone.providerId, options);
    const queries = [
      ...old.simulator.log.since(),
      ...rig.simulator.log.since(),
    ];
    const keys = (requests: typeof queries) =>
      new Set(requests.flatMap(({ query }) => Object.keys(query)));
    expect(keys([...old.simulator.log.since()])).not.toContain(
      "with_default_protection",
    );
    expect(keys(queries)).not.toContain("truncate");
    expect(keys(queries)).not.toContain("overwrite");
  });
});

function sealFor(wanted: {
  readonly volumeId: string;
  readonly entryKey: string;
}) {
  return {
    volumeId: wanted.volumeId,
    entryKey: wanted.entryKey,
    content: "sha256:00/raw",
    imageId: randomUUID(),
    virtualSizeBytes: mib,
    checksum: null,
    sealedAtMs: 1,
  };
}
