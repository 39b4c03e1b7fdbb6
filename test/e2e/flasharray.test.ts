import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { TestDaemon } from "../helpers/daemon.ts";
import { eventually } from "../helpers/eventually.ts";
import { sha256OfLun } from "../helpers/lun-bytes.ts";
import { qcow2Image, rawImage } from "../helpers/test-images.ts";
import { type StageArray, startArray } from "../helpers/use-array.ts";
import { anAdmin, useStage } from "../helpers/use-stage.ts";
import { sha256Padded } from "../helpers/volume-bytes.ts";

const mib = 1024 ** 2;
const chapSecret = "a chap secret of 24 chars";
const labels = "volumes/tags/batch";

interface ConnectionInfo {
  readonly driver_volume_type: string;
  readonly data: {
    readonly target_portals: readonly string[];
    readonly target_iqns: readonly string[];
    readonly target_luns: readonly number[];
    readonly auth_username: string;
    readonly auth_password: string;
  };
}

describe("volumes on a FlashArray", () => {
  const stage = useStage({ sizeGb: 20 });
  let array: StageArray;
  let daemon: TestDaemon;

  beforeAll(async () => {
    array = await startArray(stage);
    daemon = await stage.start(
      "node-a",
      array.env({
        use_chap_auth: true,
        pure_chap_secret: chapSecret,
        image_volume_cache_max_count: 2,
      }),
    );
  }, 120_000);
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await array[Symbol.asyncDispose]();
  }, 60_000);

  const nameOf = (volumeId: string) => `volume-${volumeId}-ivc`;
  const writes = (mark: number) =>
    array.simulator.log
      .since(mark)
      .filter(({ method }) => method !== "GET")
      .map(({ method, path }) => `${method} ${path}`);
  const labelled = async (volumeId: string) => {
    const { volumes } = array.simulator.model;
    await eventually(
      `the label of ${volumeId}`,
      () =>
        volumes
          .named(nameOf(volumeId))
          ?.tags.some(({ key }) => key === "serial") === true,
    );
  };

  it.each(["raw", "qcow2"] as const)(
    "get a %s image bit for bit, read by another iSCSI client with CHAP",
    async (format) => {
      const raw = rawImage(5 * mib + 512);
      const image = stage.images.add(
        format === "raw" ? raw : await qcow2Image(raw),
      );
      const volume = await stage.create(image.id, { size: 1 });
      expect(volume).toMatchObject({
        path: "miss",
        reason: "not-cached",
        provider_id: nameOf(volume.volume_id),
        connection: null,
      });
      const connector = {
        host: "compute-1",
        initiator: "iqn.1993-08.org.debian:01:compute1",
      };
      const { data } = await stage.call<ConnectionInfo>(
        "initialize_connection",
        { volume_id: volume.volume_id, connector },
      );
      const sum = await sha256OfLun(
        {
          portal: data.target_portals[0] ?? "",
          iqn: data.target_iqns[0] ?? "",
          lun: data.target_luns[0] ?? 0,
          initiatorName: connector.initiator,
          chap: { user: data.auth_username, password: data.auth_password },
        },
        1024 ** 3,
      );
      expect(sum).toBe(sha256Padded(raw.raw, 1));
      await expect(
        stage.call("delete_volume", { volume_id: volume.volume_id }),
      ).rejects.toThrow(/VOLUME_IN_USE: .* is connected to compute-1-/);
      await expect(
        stage.call("get_volume", { volume_id: volume.volume_id }),
      ).resolves.toMatchObject({ status: "available", error: null });
      await stage.call("terminate_connection", {
        volume_id: volume.volume_id,
        connector,
      });
      await stage.call("delete_volume", { volume_id: volume.volume_id });
      expect(array.simulator.model.connections).toEqual([]);
    },
    60_000,
  );

  it("cost one POST when the image is cached, one PATCH more when they grow, and labels after the reply", async () => {
    const image = stage.images.add(rawImage());
    const cold = await stage.create(image.id, { size: 1 });
    await labelled(cold.volume_id);
    const { log } = array.simulator;
    const atHit = log.mark();
    const hit = await stage.create(image.id, { size: 1 });
    expect(hit).toMatchObject({ path: "hit", reason: "cached" });
    await labelled(hit.volume_id);
    expect(log.since(atHit)).toMatchObject([
      {
        method: "POST",
        path: "volumes",
        query: { names: nameOf(hit.volume_id) },
      },
      { method: "PUT", path: labels },
    ]);
    const atGrow = log.mark();
    const grown = await stage.create(image.id, { size: 3 });
    await labelled(grown.volume_id);
    expect(writes(atGrow)).toEqual([
      "POST volumes",
      "PATCH volumes",
      `PUT ${labels}`,
    ]);
    const sums = await Promise.all(
      [cold, hit, grown].map(
        async ({ volume_id }) => await array.sha256(nameOf(volume_id)),
      ),
    );
    const raw = image.image.raw;
    expect(sums).toEqual([
      sha256Padded(raw, 1),
      sha256Padded(raw, 1),
      sha256Padded(raw, 3),
    ]);
    const record = array.simulator.model.volumes.named(nameOf(hit.volume_id));
    const tags = record?.tags.map(({ key, value }) => [key, value]) ?? [];
    expect(Object.fromEntries(tags)).toMatchObject({
      "image-id": image.id,
      "project-id": "project-a",
      "volume-id": hit.volume_id,
    });
  });

  it("come from an image-volume that was evicted for room and restored, with no byte downloaded", async () => {
    const [first, second, third] = [1, 2, 3].map(() =>
      stage.images.add(rawImage()),
    );
    if (first === undefined || second === undefined || third === undefined) {
      throw new Error("no images");
    }
    for (const image of [first, second, third]) {
      await stage.create(image.id);
    }
    const before = first.bytesSent;
    const again = await stage.create(first.id, { size: 1 });
    expect(again).toMatchObject({ path: "miss", reason: "restored" });
    expect(first.bytesSent).toBe(before);
    await expect(array.sha256(nameOf(again.volume_id))).resolves.toBe(
      sha256Padded(first.image.raw, 1),
    );
    const hit = await stage.create(first.id);
    expect(hit).toMatchObject({ path: "hit" });
    await stage.events.has("image_volume_cache.miss", {
      volume_id: again.volume_id,
      reason: "restored",
      bytes_downloaded: 0,
    });
    const { body } = await daemon.page("/metrics");
    expect(body).toMatch(
      /ivc_fills_total\{backend="flasharray",origin="restored"\} 1/,
    );
  });

  it("do not come from an image-volume that was evicted by hand", async () => {
    const image = stage.images.add(rawImage());
    await stage.create(image.id);
    await stage.call(
      "cache_evict",
      { image_id: image.id },
      { context: anAdmin },
    );
    const before = image.bytesSent;
    const again = await stage.create(image.id);
    expect(again).toMatchObject({ path: "miss", reason: "not-cached" });
    expect(image.bytesSent).toBeGreaterThan(before);
  });

  it("free their name at once when they are deleted", async () => {
    const image = stage.images.add(rawImage());
    const volume_id = randomUUID();
    const { volumes } = array.simulator.model;
    await stage.create(image.id, { volume_id });
    expect(volumes.named(nameOf(volume_id))).toBeDefined();
    await stage.call("delete_volume", { volume_id });
    expect(volumes.named(nameOf(volume_id))).toBeUndefined();
  });

  it("are shown by the metrics of their array", async () => {
    const { body } = await daemon.page("/metrics");
    expect(body).toMatch(
      /ivc_array_calls_total\{backend="flasharray",method="POST",path="volumes",outcome="ok"\} \d+/,
    );
    expect(body).toMatch(/ivc_array_logins_total\{backend="flasharray"\} 1/);
    expect(body).toMatch(/ivc_backend_free_bytes\{backend="flasharray"\} \d+/);
  });

  it("survive 1,000 creates during which the session is revoked 100 times", async () => {
    const image = stage.images.add(rawImage());
    await stage.create(image.id);
    const { sessions } = array.simulator;
    const before = sessions.logins;
    let done = 0;
    const revoking = (async () => {
      for (let n = 0; n < 100; n += 1) {
        await eventually("the next ten creates", () => done >= 10 * n, 120_000);
        sessions.revokeAll();
      }
    })();
    const paths = new Map<string, number>();
    const one = async () => {
      while (done < 1000) {
        done += 1;
        const { path } = await stage.create(image.id);
        paths.set(path, (paths.get(path) ?? 0) + 1);
      }
    };
    await Promise.all([revoking, ...Array.from({ length: 10 }, one)]);
    expect([...paths]).toEqual([["hit", 1000]]);
    expect(sessions.logins - before).toBeGreaterThan(50);
    expect(sessions.logins - before).toBeLessThanOrEqual(101);
  }, 180_000);
});
