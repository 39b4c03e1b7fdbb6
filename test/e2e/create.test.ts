import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { TestDaemon } from "../helpers/daemon.ts";
import { eventually } from "../helpers/eventually.ts";
import type { ServedImage } from "../helpers/image-service.ts";
import { OsloSession } from "../helpers/oslo-session.ts";
import { hasOslo } from "../helpers/run-python.ts";
import {
  imageOfBytes,
  qcow2Image,
  rawImage,
  unsafeQcow2Image,
} from "../helpers/test-images.ts";
import { useStage, type VolumeView } from "../helpers/use-stage.ts";
import {
  sha256OfFile,
  sha256Padded,
  volumePath,
  wrongVolumes,
} from "../helpers/volume-bytes.ts";

(hasOslo ? describe : describe.skip)(
  "create_volume with the real oslo.messaging",
  () => {
    const stage = useStage();
    let oslo: OsloSession;
    let daemon: TestDaemon;

    beforeAll(async () => {
      const [started, session] = await Promise.all([
        stage.start("node-a", {
          NODE_CONFIG: JSON.stringify({
            images: { allowedUrls: [`${stage.images.url}/files/`] },
          }),
        }),
        OsloSession.start({
          url: stage.amqpUrl,
          exchange: stage.exchange,
          topic: stage.topic,
          listen: stage.eventsExchange,
        }),
      ]);
      daemon = started;
      oslo = session;
    }, 60_000);
    afterAll(async () => {
      await oslo[Symbol.asyncDispose]();
    });

    async function created(args: object): Promise<VolumeView> {
      const answer = await oslo.call("create_volume", { ...args });
      expect(answer.error).toBeUndefined();
      return answer.result as VolumeView;
    }

    it("answers a call with the volume, whose bytes are the image's", async () => {
      const image = stage.images.add(rawImage(3 * 1024 * 1024 + 512));
      const volume_id = randomUUID();
      const first = await created({ volume_id, image_id: image.id, size: 2 });
      expect(first).toMatchObject({
        volume_id,
        status: "available",
        size: 2,
        backend: "file",
        host: "node-a@file#file",
        image_id: image.id,
        path: "miss",
        project_id: "project-a",
        connection: {
          driver_volume_type: "local",
          data: { device_path: volumePath(stage.root, volume_id) },
        },
      });
      const second = await created({ image_id: image.id });
      expect(second).toMatchObject({
        status: "available",
        path: "hit",
        size: 1,
      });
      const { raw } = image.image;
      expect(await sha256OfFile(volumePath(stage.root, second.volume_id))).toBe(
        sha256Padded(raw, 1),
      );
      expect(await wrongVolumes(stage.root, [volume_id], raw, 2)).toEqual([]);
      expect(image.downloads).toBe(1);
    });

    it("makes a raw volume of a qcow2 image", async () => {
      const image = stage.images.add(await qcow2Image(rawImage(5 * 1024 ** 2)));
      const volumes = [
        await created({ image_id: image.id }),
        await created({ image_id: image.id }),
      ];
      expect(volumes.map(({ path }) => path)).toEqual(["miss", "hit"]);
      const ids = volumes.map((each) => each.volume_id);
      expect(await wrongVolumes(stage.root, ids, image.image.raw)).toEqual([]);
    });

    it("serves a cast, whose volume is there to be asked for", async () => {
      const image = stage.images.add(rawImage());
      const volume_id = randomUUID();
      const args = { volume_id, image_id: image.id };
      const context = { project_id: "project-a", user_id: "user-a" };
      const cast = { kind: "cast", method: "create_volume" } as const;
      expect(await oslo.send({ ...cast, args, context })).toMatchObject({
        result: null,
      });
      let seen: VolumeView | null = null;
      await eventually("the volume", async () => {
        const answer = await oslo.call("get_volume", { volume_id });
        seen = (answer.result ?? null) as VolumeView | null;
        return seen?.status === "available";
      });
      expect(seen).toMatchObject({ volume_id, image_id: image.id });
      expect(
        await wrongVolumes(stage.root, [volume_id], image.image.raw),
      ).toEqual([]);
    });

    it("keeps a caller alive by heartbeats while a cold create takes long", async () => {
      const image = stage.images.add(rawImage(2.2 * 1024 ** 2), {
        rate: 200 * 1024,
      });
      const started = performance.now();
      const answer = await oslo.call(
        "create_volume",
        { image_id: image.id },
        { timeout: 60, call_monitor_timeout: 2 },
      );
      expect(answer.error).toBeUndefined();
      expect(answer.result).toMatchObject({
        status: "available",
        path: "miss",
      });
      expect(performance.now() - started).toBeGreaterThan(10_000);
      expect(answer.heartbeats).toBeGreaterThanOrEqual(8);
    }, 70_000);

    it("answers a repeat with the same volume, without a second event", async () => {
      const image = stage.images.add(rawImage());
      const args = { volume_id: randomUUID(), image_id: image.id, size: 1 };
      const first = await created(args);
      const again = await created({
        ...args,
        volume_id: args.volume_id.toUpperCase(),
      });
      expect(again).toEqual({ ...first, updated_at: again["updated_at"] });
      const conflict = await oslo.call("create_volume", { ...args, size: 2 });
      expect(conflict.error).toMatchObject({
        kind: "remote",
        class: "InvalidVolume",
        message: expect.stringMatching(
          /^VOLUME_CONFLICT: .*use a new volume_id$/,
        ),
      });
      const fenced = await created({ image_id: image.id });
      await stage.events.has("image_volume_cache.hit", {
        volume_id: fenced.volume_id,
      });
      expect(
        stage.events
          .distinct()
          .filter(({ payload }) => payload["volume_id"] === args.volume_id)
          .map(({ type }) => type)
          .toSorted(),
      ).toEqual([
        "image_volume_cache.miss",
        "volume.create.end",
        "volume.create.start",
      ]);
    });

    it("tells its events to a listener of oslo.messaging", async () => {
      const image = stage.images.add(rawImage());
      const volumes = [
        await created({ image_id: image.id }),
        await created({ image_id: image.id }),
      ];
      const ids = new Set<unknown>(volumes.map((each) => each.volume_id));
      const lookups = async () =>
        (await oslo.notifications()).filter(
          ({ event_type, payload }) =>
            event_type.startsWith("image_volume_cache.") &&
            ids.has(payload["volume_id"]),
        );
      await eventually(
        "both events",
        async () => (await lookups()).length === 2,
      );
      const [miss, hit] = await lookups();
      expect(miss).toMatchObject({
        event_type: "image_volume_cache.miss",
        publisher_id: "volume.node-a",
        payload: {
          image_id: image.id,
          host: "node-a@file#file",
          project_id: "project-a",
          path: "miss",
          outcome: "success",
          size_gb: 1,
        },
      });
      expect(hit).toMatchObject({
        event_type: "image_volume_cache.hit",
        payload: { image_id: image.id, bytes_downloaded: 0 },
      });
    });

    it("takes images from allowed URLs, and from no others", async () => {
      const image = stage.images.add(rawImage());
      const url = { image_url: image.url, disk_format: "raw" };
      const volumes = [await created(url), await created(url)];
      expect(volumes.map(({ path }) => path)).toEqual(["miss", "hit"]);
      const ids = volumes.map((each) => each.volume_id);
      expect(await wrongVolumes(stage.root, ids, image.image.raw)).toEqual([]);
      for (const image_url of [
        `${stage.images.url}/elsewhere/x`,
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
      ]) {
        const args = { image_url, disk_format: "raw" };
        const { error } = await oslo.call("create_volume", args);
        expect(error?.message).toMatch(/^SOURCE_(FORBIDDEN|SCHEME): /);
      }
      const sum = { ...url, checksum: `sha256:${"ab".repeat(32)}` };
      const { error } = await oslo.call("create_volume", {
        ...sum,
        cache: "bypass",
      });
      expect(error?.message).toMatch(/^IMAGE_CORRUPT: /);
    });

    describe("names the fault of", () => {
      const cases: readonly (readonly [
        what: string,
        request: () =>
          | Promise<readonly [object, object?]>
          | readonly [object, object?],
        remoteClass: string,
        message: RegExp,
      ])[] = [
        [
          "an unknown method",
          () => [{}, { method: "create_volum" }],
          "NoSuchMethod",
          /create_volum \(did you mean create_volume\?\)/,
        ],
        [
          "another version",
          () => [{}, { version: "9.0" }],
          "UnsupportedVersion",
          /does not support RPC version 9\.0/,
        ],
        [
          "an unknown image",
          () => [{ image_id: "0f0e0d0c-0b0a-4908-8706-050403020100" }],
          "ImageNotFound",
          /^IMAGE_NOT_FOUND: .*0f0e0d0c-0b0a-4908-8706-050403020100/,
        ],
        [
          "an id that is no UUID",
          () => [{ image_id: randomUUID(), volume_id: "../../etc" }],
          "InvalidInput",
          /^ARG_INVALID: volume_id: got "\.\.\/\.\.\/etc", need a UUID/,
        ],
        [
          "size 0",
          () => [{ image_id: randomUUID(), size: 0 }],
          "InvalidInput",
          /^SIZE_INVALID: size: got 0, need integer GiB 1\.\.65536$/,
        ],
        [
          "a size below the image's",
          () => [
            { image_id: offer({ virtual_size: 3 * 1024 ** 3 }).id, size: 2 },
          ],
          "InvalidInput",
          /^SIZE_TOO_SMALL: 2 GiB < 3 GiB .*ask for at least 3 GiB$/,
        ],
        [
          "an image that is not active",
          () => [{ image_id: offer({ status: "deactivated" }).id }],
          "ImageUnacceptable",
          /^IMAGE_NOT_ACTIVE: .*deactivated/,
        ],
        [
          "a corrupt image",
          () => {
            const image = stage.images.add(rawImage(), { corruptAt: 100_000 });
            return [{ image_id: image.id }];
          },
          "ImageUnacceptable",
          /^IMAGE_CORRUPT: /,
        ],
        [
          "a qcow2 image with a backing file",
          async () => [
            { image_id: stage.images.add(await unsafeQcow2Image()).id },
          ],
          "ImageUnacceptable",
          /^IMAGE_UNSAFE: .*backing file/,
        ],
        [
          "an HTML page instead of an image",
          () => {
            const page = Buffer.from(`<html>${" ".repeat(100_000)}</html>`);
            const image = stage.images.add(imageOfBytes(page, "qcow2"));
            return [{ image_id: image.id }];
          },
          "ImageUnacceptable",
          /^IMAGE_CORRUPT: .*<html>/,
        ],
        [
          "a qcow2 image that says it is raw",
          async () => {
            const { bytes } = await qcow2Image(rawImage());
            const image = stage.images.add(imageOfBytes(bytes, "raw"));
            return [{ image_id: image.id }];
          },
          "ImageUnacceptable",
          /^IMAGE_FORMAT_MISMATCH: /,
        ],
        [
          "an argument that nobody knows",
          () => [{ image_id: randomUUID(), sise: 1 }],
          "InvalidInput",
          /^ARG_UNKNOWN: .*"sise" \(did you mean size\?\)/,
        ],
      ];

      function offer(facts: Record<string, unknown>): ServedImage {
        return stage.images.add(rawImage(), { facts });
      }

      it.each(cases)("%s", async (_what, request, remoteClass, message) => {
        const [args, more = {}] = await request();
        const { method = "create_volume", ...rest } = more as {
          method?: string;
        };
        const answer = await oslo.call(method, { ...args }, rest);
        expect(answer.error).toMatchObject({
          kind: "remote",
          class: remoteClass,
        });
        expect(answer.error?.message).toMatch(message);
      });

      it("none of them with an unexpected failure, and the daemon still serves", async () => {
        expect(daemon.log().filter(({ level }) => level === "error")).toEqual(
          [],
        );
        expect(
          await created({ image_id: stage.images.add(rawImage()).id }),
        ).toMatchObject({ status: "available" });
      });
    });
  },
);
