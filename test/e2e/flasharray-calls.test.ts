import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { LoggedRequest } from "../../simulator/rest/request-log.ts";
import type { TestDaemon } from "../helpers/daemon.ts";
import {
  documentedCalls,
  type DocumentedCalls,
} from "../helpers/documented-calls.ts";
import { eventually } from "../helpers/eventually.ts";
import { shortly } from "../helpers/flash-array-rig.ts";
import { rawImage } from "../helpers/test-images.ts";
import { type StageArray, startArray } from "../helpers/use-array.ts";
import { anAdmin, useStage, type VolumeView } from "../helpers/use-stage.ts";

const labels = "volumes/tags/batch";
/** Read when half a minute has passed since the last time, so a slow machine reads them more often. */
const portLists = new Set([
  "GET controllers",
  "GET ports",
  "GET network-interfaces",
]);
const connector = {
  host: "compute-1",
  initiator: "iqn.1993-08.org.debian:01:compute1",
};

// Each list of docs/flasharray.md is compared with what the array was asked. What a list leaves out is found in the next one.
describe("the calls that docs/flasharray.md lists", () => {
  const stage = useStage({ sizeGb: 20 });
  const counted = new Map<string, readonly string[]>();
  let documented: DocumentedCalls;
  let array: StageArray;
  let daemon: TestDaemon;
  let images: string[];
  let hit: VolumeView;
  let grown: VolumeView;
  let mark = 0;

  beforeAll(async () => {
    documented = await documentedCalls();
    array = await startArray(stage);
    images = Array.from({ length: 5 }, () => stage.images.add(rawImage()).id);
  }, 120_000);
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await array[Symbol.asyncDispose]();
  }, 60_000);

  const labelsSince = (from: number): readonly LoggedRequest[] =>
    array.simulator.log
      .calls("PUT", labels, from)
      .filter(({ body }) => JSON.stringify(body).includes('"project-id"'));
  const sentSince = () => shortly(array.simulator.log.since(mark));
  const sent = (title: string) => {
    const calls = sentSince().filter((call) => !portLists.has(call));
    mark = array.simulator.log.mark();
    counted.set(title, calls);
    return calls;
  };
  const listed = (title: string) => documented.lists.get(title);
  const start = async (name: string, more = {}) => {
    mark = array.simulator.log.mark();
    daemon = await stage.start(
      name,
      array.env({ image_volume_cache_max_count: 2, ...more }),
    );
  };
  const image = (index: number) => images[index] ?? "";
  const create = async (index: number, args = {}) => {
    const volume = await stage.create(image(index), { size: 1, ...args });
    await eventually("it is labelled", () => labelsSince(mark).length === 1);
    return volume;
  };
  const evict = async (index: number) => {
    const which = { image_id: image(index) };
    await stage.call("cache_evict", which, { context: anAdmin });
  };
  const connect = async ({ volume_id }: VolumeView) =>
    await stage.call("initialize_connection", { volume_id, connector });
  const disconnect = async ({ volume_id }: VolumeView) =>
    await stage.call("terminate_connection", { volume_id, connector });

  it("are those of a first start", async () => {
    await start("node-a");
    expect(sent("First start on an array")).toEqual(
      listed("First start on an array"),
    );
  });

  it("are those of a cold create, and of a daemon's first one besides", async () => {
    await create(0);
    const first = sentSince();
    mark = array.simulator.log.mark();
    await create(1);
    const usual = sent("Cold create");
    expect(usual).toEqual(listed("Cold create"));
    const besides = [...first];
    for (const call of usual) {
      const at = besides.indexOf(call);
      expect(at).toBeGreaterThanOrEqual(0);
      besides.splice(at, 1);
    }
    const title = "Besides, at a daemon's first cold create";
    counted.set(title, besides);
    expect(besides).toEqual(listed(title));
  });

  it("are those of a hit", async () => {
    hit = await create(1);
    expect(hit.path).toBe("hit");
    expect(sent("Hit")).toEqual(listed("Hit"));
  });

  it("are those of a hit that grows", async () => {
    grown = await create(1, { size: 3 });
    expect(grown.path).toBe("hit");
    expect(sent("Hit that grows")).toEqual(listed("Hit that grows"));
  });

  it("are those of a connection, a repeated one, and one of a host that is known", async () => {
    await connect(hit);
    expect(sent("Connect")).toEqual(listed("Connect"));
    await connect(hit);
    expect(sent("Connect, repeated")).toEqual(listed("Connect, repeated"));
    await connect(grown);
    expect(sent("Connect, another volume of the host")).toEqual(
      listed("Connect, another volume of the host"),
    );
  });

  it("are those of a disconnection, and of a host's last one", async () => {
    await disconnect(grown);
    expect(sent("Disconnect")).toEqual(listed("Disconnect"));
    await disconnect(hit);
    expect(sent("Disconnect, the host's last volume")).toEqual(
      listed("Disconnect, the host's last volume"),
    );
  });

  it("are those of a delete", async () => {
    await stage.call("delete_volume", { volume_id: hit.volume_id });
    expect(sent("Delete")).toEqual(listed("Delete"));
  });

  it("are those of an eviction and of a restoration", async () => {
    // Two image-volumes are the limit, so the third one puts the first one into the trash.
    await create(2);
    mark = array.simulator.log.mark();
    await evict(1);
    expect(sent("Evict")).toEqual(listed("Evict"));
    await expect(create(0)).resolves.toMatchObject({ reason: "restored" });
    expect(sent("Create with an image-volume out of the trash")).toEqual(
      listed("Create with an image-volume out of the trash"),
    );
  });

  it("are those of a copy past the cache", async () => {
    await create(3, { cache: "bypass" });
    expect(sent("Copy past the cache")).toEqual(listed("Copy past the cache"));
  });

  it("are those of a look at the metrics", async () => {
    await daemon.page("/metrics");
    expect(sent("Look at /metrics")).toEqual(listed("Look at /metrics"));
  });

  it("are those of a stop and of a later start", async () => {
    await daemon.stop();
    expect(sent("Stop")).toEqual(listed("Stop"));
    await start("node-b", {
      use_chap_auth: true,
      pure_chap_secret: "a chap secret of 24 chars",
      pure_eradicate_on_delete: true,
    });
    expect(sent("Later start")).toEqual(listed("Later start"));
  });

  it("are those of a connection with CHAP", async () => {
    await connect(grown);
    expect(sent("Connect, with CHAP")).toEqual(listed("Connect, with CHAP"));
    await disconnect(grown);
    mark = array.simulator.log.mark();
  });

  it("are those of a delete that eradicates", async () => {
    await stage.call("delete_volume", { volume_id: grown.volume_id });
    expect(sent("Delete, with pure_eradicate_on_delete")).toEqual(
      listed("Delete, with pure_eradicate_on_delete"),
    );
  });

  it("are no others, and their sums are right", () => {
    expect([...documented.lists.keys()].toSorted()).toEqual(
      [...counted.keys()].toSorted(),
    );
    const sums = [...counted].map(([title, calls]) => {
      const changes = calls.filter((call) => !call.startsWith("GET "));
      return [title, [calls.length, changes.length]];
    });
    expect(Object.fromEntries(documented.sums)).toEqual(
      Object.fromEntries(sums),
    );
  });

  it("of a hit end with the reply, but for its label", async () => {
    const slow = array.simulator.faults.add({
      method: "PUT",
      path: labels,
      fault: { kind: "slow", ms: 5000 },
    });
    const volume = await stage.create(image(0), { size: 1 });
    expect(volume).toMatchObject({ path: "hit" });
    const [label] = labelsSince(mark);
    expect(label?.status ?? "open").toBe("open");
    await eventually("the label is written", () => slow.calls === 1);
  });
});
