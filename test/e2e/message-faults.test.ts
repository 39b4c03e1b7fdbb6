import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { TestDaemon } from "../helpers/daemon.ts";
import { eventually } from "../helpers/eventually.ts";
import type { ServedImage } from "../helpers/image-service.ts";
import { envelope } from "../helpers/raw-broker.ts";
import { codeOf, RawCaller } from "../helpers/raw-caller.ts";
import { rawImage } from "../helpers/test-images.ts";
import { useStage } from "../helpers/use-stage.ts";
import { wrongVolumes } from "../helpers/volume-bytes.ts";

describe("a message that is wrong", () => {
  const stage = useStage();
  let daemon: TestDaemon;
  let caller: RawCaller;

  beforeAll(async () => {
    daemon = await stage.start("node-a");
    caller = await RawCaller.open(stage);
  }, 60_000);
  afterAll(async () => {
    await caller[Symbol.asyncDispose]();
  });

  function offer(facts: Record<string, unknown> = {}): ServedImage {
    return stage.images.add(rawImage(), { facts });
  }

  describe("goes to the dead letters", () => {
    const good = () => caller.body({ image_id: randomUUID() });
    const bodies: readonly (readonly [
      string,
      () => Buffer | string,
      string,
    ])[] = [
      ["1 no JSON", () => "{not json", "ENVELOPE_INVALID"],
      ["1 empty", () => "", "ENVELOPE_INVALID"],
      ["2 an array", () => "[1, 2]", "ENVELOPE_INVALID"],
      ["2 a number", () => "7", "ENVELOPE_INVALID"],
      ["2 null", () => "null", "ENVELOPE_INVALID"],
      ["3 envelope 3.0", () => envelope(good(), "3.0"), "ENVELOPE_VERSION"],
      [
        "3 an envelope without version",
        () => JSON.stringify({ "oslo.message": "{}" }),
        "ENVELOPE_VERSION",
      ],
      [
        "4 an inner message that is no text",
        () => JSON.stringify({ "oslo.version": "2.0", "oslo.message": {} }),
        "ENVELOPE_INVALID",
      ],
      [
        "22 a strange reply queue",
        () => envelope({ ...good(), _reply_q: "amq.rabbitmq.reply-to" }),
        "REPLY_Q_INVALID",
      ],
      [
        "24 20 MiB",
        () => Buffer.alloc(20 * 1024 ** 2, 0x20),
        "MESSAGE_TOO_BIG",
      ],
      ["25 depth 10,000", () => "[".repeat(10_000), "ENVELOPE_TOO_COMPLEX"],
      [
        "25 depth 1,000 in the message",
        () =>
          envelope(
            Array.from({ length: 1000 }).reduce(
              (inner: object) => ({ a: inner }),
              {},
            ),
          ),
        "ENVELOPE_TOO_COMPLEX",
      ],
      [
        "25 the same key twice",
        () => '{"oslo.version":"2.0","oslo.version":"2.0","oslo.message":"{}"}',
        "ENVELOPE_INVALID",
      ],
      [
        "26 invalid UTF-8",
        () => Buffer.from([0x7b, 0xff, 0xfe]),
        "ENVELOPE_INVALID",
      ],
    ];

    it.each(bodies)("%s", async (_what, body, code) => {
      const dead = `${stage.topic}.dead`;
      const before = (await caller.broker.depth(dead)) ?? 0;
      const lines = daemon.log("message rejected").length;
      caller.publish(body());
      await eventually(
        "the dead letter",
        async () => (await caller.broker.depth(dead)) === before + 1,
      );
      await eventually(
        "the line",
        () => daemon.log("message rejected").length === lines + 1,
      );
      const line = daemon.log("message rejected").at(-1);
      expect(line).toMatchObject({ level: "warn", code });
    });
  });

  it("5 and 6: is answered in oslo's words", async () => {
    expect(
      await caller.failure(caller.body({}, { method: "create_volum" })),
    ).toMatchObject({
      class: "NoSuchMethod",
      message: expect.stringContaining("(did you mean create_volume?)"),
    });
    expect(
      await caller.failure(caller.body({}, { version: "9.0" })),
    ).toMatchObject({
      class: "UnsupportedVersion",
    });
  });

  describe("is refused with the argument's name", () => {
    const image_id = "11111111-2222-4333-8444-555555555555";
    it.each([
      [
        "7 no volume id",
        "get_volume",
        {},
        "ARG_MISSING: get_volume needs volume_id",
      ],
      ...[
        "../../etc",
        "a b",
        "x".repeat(300),
        "volume-1;rm",
        `${image_id}\0`,
        `${image_id}\n`,
        `\u202e${image_id}`,
        "",
      ].map(
        (volume_id) =>
          [
            `8 the volume id ${JSON.stringify(volume_id.slice(0, 40))}`,
            "create_volume",
            { image_id, volume_id },
            /^ARG_INVALID: volume_id: got .*need a UUID such as/,
          ] as const,
      ),
      [
        "8 a volume id that is a number",
        "create_volume",
        { image_id, volume_id: 7 },
        "ARG_INVALID: volume_id: got 7, need a text",
      ],
      ...[0, -1, 1.5, "10", 1e30, 2 ** 53, 65_537, true, [1]].map(
        (size) =>
          [
            `10 the size ${JSON.stringify(size)}`,
            "create_volume",
            { image_id, size },
            /^SIZE_INVALID: size: got .*, need integer GiB 1\.\.65536$/,
          ] as const,
      ),
      [
        "12 no image",
        "create_volume",
        {},
        "ARG_MISSING: create_volume needs image_id, or image_url with disk_format",
      ],
      [
        "12 the image null",
        "create_volume",
        { image_id: null },
        "ARG_MISSING: create_volume needs image_id, or image_url with disk_format",
      ],
      [
        "12 an image and a URL",
        "create_volume",
        { image_id, image_url: "http://x/", disk_format: "raw" },
        "ARG_INVALID: image_id and image_url exclude each other",
      ],
      [
        "12 a URL without its format",
        "create_volume",
        { image_url: "http://x/" },
        /^ARG_MISSING: image_url needs disk_format/,
      ],
      [
        "25 __proto__",
        "create_volume",
        JSON.parse(`{"image_id":"${image_id}","__proto__":{"size":1}}`),
        /^ARG_UNKNOWN: create_volume has no argument "__proto__"/,
      ],
      [
        "25 constructor",
        "create_volume",
        { image_id, constructor: 1 },
        /^ARG_UNKNOWN: create_volume has no argument "constructor"/,
      ],
    ] as readonly (readonly [
      string,
      string,
      Record<string, unknown>,
      string | RegExp,
    ])[])("%s", async (_what, method, args, message) => {
      const before = await stage.redis.dbsize();
      const failed = stage.call(method, args);
      await expect(failed).rejects.toMatchObject({
        remoteClass: "InvalidInput",
        status: 400,
      });
      await expect(failed).rejects.toThrow(message);
      expect(await stage.redis.dbsize()).toBe(before);
    });

    it("10 the size NaN", async () => {
      const body = caller.body({ image_id, size: 0 });
      const text = envelope(body).replace('\\"size\\":0', '\\"size\\":NaN');
      caller.publish(text);
      expect(await caller.failureOf(body)).toMatchObject({
        message: "SIZE_INVALID: size: got NaN, need integer GiB 1..65536",
      });
    });
  });

  it("9: takes an id in upper case for the same id in lower case", async () => {
    const image = offer();
    const volume_id = randomUUID().toUpperCase();
    const made = await stage.create(image.id.toUpperCase(), { volume_id });
    expect(made.volume_id).toBe(volume_id.toLowerCase());
    expect(
      await stage.create(image.id, { volume_id: volume_id.toLowerCase() }),
    ).toMatchObject({ created_at: made["created_at"] });
  });

  describe("asks for an image that cannot be used", () => {
    const gib = 1024 ** 3;
    it.each([
      [
        "11 min_disk above the size",
        { min_disk: 5 },
        { size: 4 },
        /^SIZE_TOO_SMALL: 4 GiB < 5 GiB \(min_disk\) of image .*ask for at least 5 GiB$/,
      ],
      [
        "11 virtual size one byte above the size",
        { virtual_size: 2 * gib + 1 },
        { size: 2 },
        /^SIZE_TOO_SMALL: 2 GiB < 3 GiB \(virtual size\)/,
      ],
      ...["queued", "saving", "deactivated", "deleted", "killed"].map(
        (status) =>
          [
            `13 ${status}`,
            { status },
            {},
            new RegExp(`^IMAGE_NOT_ACTIVE: image .* is ${status};`),
          ] as const,
      ),

      ...["vdi", "ploop", "xyz", "iso", "vmdk", "vhd"].map(
        (disk_format) =>
          [
            `17 the format ${disk_format}`,
            { disk_format },
            {},
            new RegExp(`^FORMAT_NOT_ALLOWED: .*${disk_format}.*raw.*qcow2`),
          ] as const,
      ),
      ...["ova", "compressed", "docker"].map(
        (container_format) =>
          [
            `17 the container ${container_format}`,
            { container_format },
            {},
            new RegExp(`^FORMAT_NOT_ALLOWED: .*${container_format}`),
          ] as const,
      ),
    ] as readonly (readonly [
      string,
      Record<string, unknown>,
      Record<string, unknown>,
      RegExp,
    ])[])("%s", async (_what, facts, args, message) => {
      const image = offer(facts);
      const failed = stage.create(image.id, args);
      await expect(failed).rejects.toThrow(message);
      expect(image.bytesSent).toBe(0);
    });

    it("14: without a size is served when the download tells it", async () => {
      const image = offer({ size: null, virtual_size: null });
      const { volume_id } = await stage.create(image.id);
      const { raw: bytes } = image.image;
      expect(await wrongVolumes(stage.root, [volume_id], bytes)).toEqual([]);
    });

    it("15 and 16: without a checksum, or a weak one, where the policy wants one", async () => {
      const topic = `${stage.topic}-strict`;
      await stage.start("strict", {
        IVC_RPC_TOPIC: topic,
        IVC_REDIS_URL: stage.otherRedisUrl,
        IVC_FILE_ROOT: await stage.folder("strict"),
        IVC_CHECKSUM_POLICY: "require",
        NODE_CONFIG: JSON.stringify({ images: { allowMd5: false } }),
      });
      const rpc = await stage.client(topic);
      const strong = { os_hash_algo: null, os_hash_value: null };
      const none = offer({ ...strong, checksum: null });
      const weak = offer(strong);
      const outcomes = await Promise.all(
        [none, weak, offer()].map(
          async ({ id }) => await codeOf(stage.create(id, {}, { rpc })),
        ),
      );
      expect(outcomes).toEqual([
        expect.stringMatching(/^IMAGE_NO_CHECKSUM: .*images\.checksumPolicy/),
        expect.stringMatching(/^IMAGE_WEAK_CHECKSUM: .*images\.allowMd5/),
        "no failure",
      ]);
      expect(none.bytesSent + weak.bytesSent).toBe(0);
    });
  });

  it("leaves the daemon without an unexpected failure", async () => {
    expect(daemon.log().filter(({ level }) => level === "error")).toEqual([]);
    expect(daemon.isRunning).toBe(true);
  });
});
