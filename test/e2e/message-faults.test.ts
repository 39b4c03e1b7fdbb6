import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { TestDaemon } from "../helpers/daemon.ts";
import { eventually } from "../helpers/eventually.ts";
import type { ServedImage } from "../helpers/image-service.ts";
import {
  envelope,
  openRawBroker,
  type RawBroker,
} from "../helpers/raw-broker.ts";
import { failureOf } from "../helpers/rpc-bench.ts";
import { rawImage } from "../helpers/test-images.ts";
import { anAdmin, someProject, useStage } from "../helpers/use-stage.ts";
import { backendFiles, wrongVolumes } from "../helpers/volume-bytes.ts";

type Reply = Record<string, unknown>;

describe("a message that is wrong", () => {
  const stage = useStage();
  const replyQueue = `reply_${randomUUID().replaceAll("-", "")}`;
  let daemon: TestDaemon;
  let raw: RawBroker;
  let replies: readonly Reply[];

  beforeAll(async () => {
    daemon = await stage.start("node-a", {
      IVC_MAX_OPEN_JOBS: "20",
      IVC_PREFETCH: "4",
    });
    raw = await openRawBroker(stage.amqpUrl);
    replies = await raw.replies(replyQueue);
  }, 60_000);
  afterAll(async () => {
    await raw[Symbol.asyncDispose]();
  });

  function callBody(args: object, more: object = {}): Reply {
    return {
      method: "create_volume",
      version: "1.0",
      args,
      _msg_id: randomUUID().replaceAll("-", ""),
      _reply_q: replyQueue,
      _unique_id: randomUUID().replaceAll("-", ""),
      _context_project_id: "project-a",
      ...more,
    };
  }

  function publish(body: Buffer | string | object, options = {}): void {
    raw.publish(stage.exchange, stage.topic, body, options);
  }

  function repliesTo(body: Reply): readonly Reply[] {
    return replies.filter(
      (reply) =>
        reply["_msg_id"] === body["_msg_id"] && reply["ending"] === true,
    );
  }

  /** Sends a body as it is and waits for the failure that answers it. */
  async function failureFor(body: Reply, options = {}): Promise<Reply> {
    publish(body, options);
    await eventually("the answer", () => repliesTo(body).length > 0);
    return failureOf(repliesTo(body)[0]);
  }

  async function codeOf(request: Promise<unknown>): Promise<string> {
    return await request.then(
      () => "no failure",
      (error: { errorCode?: string; message: string }) =>
        `${error.errorCode}: ${error.message.replace(/^[A-Z_]+: /, "")}`,
    );
  }

  function offer(facts: Record<string, unknown> = {}): ServedImage {
    return stage.images.add(rawImage(), { facts });
  }

  describe("goes to the dead letters", () => {
    const good = () => callBody({ image_id: randomUUID() });
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
      const before = (await raw.depth(dead)) ?? 0;
      const lines = daemon.log("message rejected").length;
      publish(body());
      await eventually(
        "the dead letter",
        async () => (await raw.depth(dead)) === before + 1,
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
      await failureFor(callBody({}, { method: "create_volum" })),
    ).toMatchObject({
      class: "NoSuchMethod",
      message: expect.stringContaining("(did you mean create_volume?)"),
    });
    expect(await failureFor(callBody({}, { version: "9.0" }))).toMatchObject({
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
      await expect(stage.call(method, args)).rejects.toMatchObject({
        remoteClass: "InvalidInput",
        status: 400,
        message:
          typeof message === "string"
            ? message
            : expect.stringMatching(message),
      });
      expect(await stage.redis.dbsize()).toBe(before);
    });

    it("10 the size NaN", async () => {
      const body = callBody({ image_id, size: 0 });
      const text = envelope(body).replace('\\"size\\":0', '\\"size\\":NaN');
      publish(text);
      await eventually("the answer", () => repliesTo(body).length > 0);
      expect(failureOf(repliesTo(body)[0])).toMatchObject({
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
        IVC_REDIS_URL: `${stage.redisUrl}/1`,
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

  it("18: sent twice makes one volume, both acknowledged", async () => {
    const image = offer();
    const body = callBody({ image_id: image.id });
    publish(body);
    publish(body);
    await eventually("an answer", () => repliesTo(body).length > 0);
    publish(body);
    await eventually(
      "no message is left",
      async () => (await raw.depth(stage.topic)) === 0,
    );
    await eventually(
      "no job is left",
      async () =>
        (await daemon.metric("ivc_jobs_open", 'backend="file"')) === 0,
    );
    const made = repliesTo(body).map((reply) => reply["result"]) as {
      volume_id: string;
    }[];
    expect(new Set(made.map(({ volume_id }) => volume_id)).size).toBe(1);
    const events = await stage.events.has("volume.create.end", {
      image_id: image.id,
    });
    expect(events).toHaveLength(1);
  });

  it("19 and 20: repeats an id with equal arguments, or with others, or as somebody else", async () => {
    const image = offer();
    const args = { volume_id: randomUUID(), size: 1, name: "one" };
    const made = await stage.create(image.id, args);
    const again = await stage.create(image.id, args);
    expect(again).toEqual({ ...made, updated_at: again["updated_at"] });
    for (const other of [
      { ...args, size: 2 },
      { ...args, name: "two" },
      { ...args, metadata: { a: "b" } },
      { ...args, cache: "bypass" },
    ]) {
      expect(await codeOf(stage.create(image.id, other))).toMatch(
        new RegExp(
          `^VOLUME_CONFLICT: volume ${args.volume_id} exists \\(available\\) from image ${image.id}`,
        ),
      );
    }
    expect(await codeOf(stage.create(offer().id, args))).toMatch(
      /^VOLUME_CONFLICT: /,
    );
    const foreign = await codeOf(
      stage.create(image.id, args, { context: { project_id: "project-b" } }),
    );
    expect(foreign).toBe(
      `VOLUME_CONFLICT: volume ${args.volume_id} is taken; use a new volume_id`,
    );
  });

  it("21: names no reply queue, and is served all the same", async () => {
    const image = offer();
    const volume_id = randomUUID();
    const body = callBody({ image_id: image.id, volume_id });
    delete body["_reply_q"];
    publish(body);
    await stage.events.has("volume.create.end", { volume_id });
    expect(
      daemon.log().filter(({ code }) => code === "REPLY_TARGET_MISSING"),
    ).toHaveLength(1);
  });

  it("23: whose time is over is not begun", async () => {
    const image = offer();
    const body = callBody({ image_id: image.id });
    publish(body, { expiration: "0" });
    const next = callBody({ image_id: randomUUID() });
    await failureFor(next);
    for (const reply of repliesTo(body)) {
      expect(failureOf(reply)).toMatchObject({
        kwargs: { error_code: "DEADLINE_PASSED" },
      });
    }
    expect(image.downloads).toBe(0);
  });

  it("27: wants what only admins may", async () => {
    const image = offer();
    await stage.create(image.id);
    for (const [method, args] of [
      ["cache_list", {}],
      ["cache_stats", {}],
      ["cache_show", { image_id: image.id }],
      ["cache_evict", { image_id: image.id }],
    ] as const) {
      for (const context of [
        someProject,
        { ...someProject, is_admin: "yes" },
        { is_admin: 1 },
      ]) {
        await expect(
          stage.call(method, args, { context }),
        ).rejects.toMatchObject({
          remoteClass: "PolicyNotAuthorized",
          errorCode: "FORBIDDEN",
          status: 403,
        });
      }
    }
    expect((await stage.create(image.id)).path).toBe("hit");
  });

  it("28: evicts what is not cached, or is being filled", async () => {
    const context = anAdmin;
    const evict = async (args: Record<string, unknown>) =>
      await codeOf(stage.call("cache_evict", args, { context }));
    expect(await evict({ image_id: randomUUID() })).toMatch(
      /^NOT_CACHED: .*cache_list shows what is/,
    );
    expect(await evict({})).toMatch(/^ARG_MISSING: name the entry/);
    const image = stage.images.add(rawImage(), { holdAt: 1000 });
    const making = stage.create(image.id);
    await stage.images.whenHeld(image);
    expect(await evict({ image_id: image.id })).toMatch(
      /^BUSY: .*is being filled; try again/,
    );
    stage.images.letGo(image);
    await making;
    expect(await evict({ image_id: image.id })).toBe("no failure");
    expect((await stage.create(image.id)).path).toBe("miss");
  });

  it("30: deletes what is being created, both are answered, and the download ends", async () => {
    const image = stage.images.add(rawImage(24 * 1024 ** 2), {
      rate: 4 * 1024 ** 2,
    });
    const volume_id = randomUUID();
    const making = codeOf(stage.create(image.id, { volume_id }));
    await eventually("the download", () => image.bytesSent > 0);
    const deleted = await stage.call<unknown>("delete_volume", { volume_id });
    expect(deleted).toEqual({ volume_id, status: "deleted" });
    expect(await making).toMatch(/^CANCELLED: the volume is being deleted/);
    await eventually(
      "the fill that nobody waits for ends",
      async () =>
        (await daemon.metric("ivc_jobs_open", 'backend="file"')) === 0,
    );
    // Less than half was done, so it did not go on.
    expect(image.bytesSent).toBeLessThan(image.image.bytes.length / 2);
    const files = await backendFiles(stage.root);
    expect(files.volumes).not.toContain(`volume-${volume_id}`);
    expect(files.leftovers).toEqual([]);
  });

  it("29: comes with 400 others: few are taken at a time, none is lost", async () => {
    const image = stage.images.add(rawImage(), { holdAt: 1000 });
    const ids = Array.from({ length: 400 }, () => randomUUID());
    for (const volume_id of ids) {
      await stage.rpc.cast(
        "create_volume",
        { volume_id, image_id: image.id },
        { context: someProject },
      );
    }
    await stage.images.whenHeld(image);
    await eventually(
      "the daemon leaves the rest with the broker",
      async () => ((await raw.depth(stage.topic)) ?? 0) >= 400 - 20 - 3 * 4,
    );
    const open = await daemon.metric("ivc_jobs_in_flight", 'backend="file"');
    expect(open).toBeLessThanOrEqual(20 + 3 * 4 + 1);
    stage.images.letGo(image);
    await eventually(
      "all volumes",
      async () => {
        const { volumes } = await backendFiles(stage.root);
        const have = new Set(volumes);
        return ids.every((id) => have.has(`volume-${id}`));
      },
      40_000,
    );
    await eventually("all events", () => {
      const { hit, miss } = stage.events.lookups(ids);
      return hit + miss === 400;
    });
    expect(stage.events.lookups(ids)).toEqual({ hit: 399, miss: 1 });
    expect(image.downloads).toBe(1);
    const some = ids.filter((_, index) => index % 20 === 0);
    expect(await wrongVolumes(stage.root, some, image.image.raw)).toEqual([]);
  }, 90_000);

  it("31: comes to daemons whose clocks are a day apart: no claim is lost", async () => {
    const shift = (hours: number) =>
      `data:text/javascript,const N=Date.now;const d=${hours}*36e5;globalThis.Date=class extends Date{constructor(...a){a.length?super(...a):super(N()+d)}static now(){return N()+d}}`;
    const late = { NODE_OPTIONS: `--import="${shift(-24)}"` };
    const early = { NODE_OPTIONS: `--import="${shift(24)}"` };
    const clocks = [
      await stage.start("yesterday", late),
      await stage.start("tomorrow", early),
    ];
    const image = stage.images.add(rawImage(3 * 1024 ** 2), {
      rate: 512 * 1024,
    });
    const servers = ["yesterday@file", "tomorrow@file", "node-a@file"];
    const volumes = await Promise.all(
      servers.map(
        async (server) => await stage.create(image.id, {}, { server }),
      ),
    );
    expect(volumes.map(({ path }) => path).toSorted()).toEqual([
      "coalesced",
      "coalesced",
      "miss",
    ]);
    expect(image.downloads).toBe(1);
    for (const each of [daemon, ...clocks]) {
      expect(each.log("job taken over")).toEqual([]);
    }
    const times = clocks.map((each) =>
      Date.parse(String(each.log()[0]?.["time"])),
    );
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(40 * 3_600_000);
    const ids = volumes.map((each) => each.volume_id);
    expect(await wrongVolumes(stage.root, ids, image.image.raw)).toEqual([]);
    for (const each of clocks) {
      expect(await each.stop()).toEqual({ code: 0, signal: null });
    }
  });

  it("leaves the daemon without an unexpected failure", async () => {
    expect(daemon.log().filter(({ level }) => level === "error")).toEqual([]);
    expect(daemon.isRunning).toBe(true);
  });
});
