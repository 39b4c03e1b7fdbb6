import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { TestDaemon } from "../helpers/daemon.ts";
import { eventually } from "../helpers/eventually.ts";
import type { ServedImage } from "../helpers/image-service.ts";
import { codeOf, RawCaller } from "../helpers/raw-caller.ts";
import { failureOf } from "../helpers/rpc-bench.ts";
import { rawImage } from "../helpers/test-images.ts";
import { anAdmin, someProject, useStage } from "../helpers/use-stage.ts";
import { backendFiles, wrongVolumes } from "../helpers/volume-bytes.ts";

describe("a request that comes at a bad moment", () => {
  const stage = useStage();
  let daemon: TestDaemon;
  let caller: RawCaller;

  beforeAll(async () => {
    daemon = await stage.start("node-a", {
      IVC_MAX_OPEN_JOBS: "20",
      IVC_PREFETCH: "4",
    });
    caller = await RawCaller.open(stage);
  }, 60_000);
  afterAll(async () => {
    await caller[Symbol.asyncDispose]();
  });

  function offer(): ServedImage {
    return stage.images.add(rawImage());
  }

  it("18: sent twice makes one volume, both acknowledged", async () => {
    const image = offer();
    const body = caller.body({ image_id: image.id });
    caller.publish(body);
    caller.publish(body);
    await eventually("an answer", () => caller.repliesTo(body).length > 0);
    caller.publish(body);
    await eventually(
      "no message is left",
      async () => (await caller.broker.depth(stage.topic)) === 0,
    );
    await eventually(
      "no job is left",
      async () =>
        (await daemon.metric("ivc_jobs_open", 'backend="file"')) === 0,
    );
    const made = caller.repliesTo(body).map((reply) => reply["result"]) as {
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
    const body = caller.body({ image_id: image.id, volume_id });
    delete body["_reply_q"];
    caller.publish(body);
    await stage.events.has("volume.create.end", { volume_id });
    expect(
      daemon.log().filter(({ code }) => code === "REPLY_TARGET_MISSING"),
    ).toHaveLength(1);
  });

  it("23: whose time is over is not begun", async () => {
    const image = offer();
    const body = caller.body({ image_id: image.id });
    caller.publish(body, { expiration: "0" });
    const next = caller.body({ image_id: randomUUID() });
    await caller.failure(next);
    for (const reply of caller.repliesTo(body)) {
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
      rate: 1.5 * 1024 ** 2,
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
      async () =>
        ((await caller.broker.depth(stage.topic)) ?? 0) >= 400 - 20 - 3 * 4,
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
