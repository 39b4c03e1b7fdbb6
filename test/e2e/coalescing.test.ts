import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "@jest/globals";
import type { TestDaemon } from "../helpers/daemon.ts";
import { eventually } from "../helpers/eventually.ts";
import { codeOf } from "../helpers/raw-caller.ts";
import { rawImage } from "../helpers/test-images.ts";
import { anAdmin, useStage, type VolumeView } from "../helpers/use-stage.ts";
import { backendFiles, wrongVolumes } from "../helpers/volume-bytes.ts";

interface Page {
  readonly volumes: readonly VolumeView[];
  readonly next_marker: string | null;
}

const internalTenant = { project_id: "the-internal", user_id: "internal" };

describe("two daemons on one backend", () => {
  const stage = useStage({
    env: {
      IVC_INTERNAL_TENANT_PROJECT_ID: internalTenant.project_id,
      IVC_INTERNAL_TENANT_USER_ID: internalTenant.user_id,
    },
  });
  let daemons: readonly TestDaemon[];

  beforeAll(async () => {
    const first = await stage.start("node-a");
    daemons = [first, await stage.start("node-b")];
  }, 60_000);

  async function imageVolumeOf(imageId: string): Promise<string> {
    const args = { image_id: imageId };
    const entry = await stage.call<Record<string, unknown>>(
      "cache_show",
      args,
      { context: anAdmin },
    );
    return String(entry["image_volume_id"]);
  }

  async function list(
    context: object,
    args: Record<string, unknown>,
  ): Promise<readonly string[]> {
    const page = await stage.call<Page>("list_volumes", args, {
      context: { ...context },
    });
    return page.volumes.map((each) => each.volume_id);
  }

  it("serve 50 creates of a new image with one download and one image-volume", async () => {
    const image = stage.images.add(rawImage(2 * 1024 ** 2), {
      rate: 2 * 1024 ** 2,
    });
    const before = await backendFiles(stage.root);
    const volumes = await Promise.all(
      Array.from({ length: 50 }, async () => await stage.create(image.id)),
    );
    const ids = volumes.map((each) => each.volume_id);
    expect(image.downloads).toBe(1);
    expect(image.bytesSent).toBe(image.image.bytes.length);
    expect(new Set(ids).size).toBe(50);
    expect(await wrongVolumes(stage.root, ids, image.image.raw)).toEqual([]);
    const after = await backendFiles(stage.root);
    expect(after.images).toHaveLength(before.images.length + 1);
    expect(after.volumes).toHaveLength(before.volumes.length + 50);
    expect(after.leftovers).toEqual([]);
    const events = { image_id: image.id, outcome: "success" };
    await stage.events.has("image_volume_cache.hit", events, 49);
    await stage.events.has("image_volume_cache.miss", events, 1);
    expect(stage.events.lookups(ids)).toEqual({ hit: 49, miss: 1 });
    for (const daemon of daemons) {
      expect(daemon.log("created").length).toBeGreaterThan(0);
    }
  });

  it("show the image-volume to the internal tenant and to admins alone", async () => {
    const image = stage.images.add(rawImage());
    const { volume_id: ownId } = await stage.create(image.id);
    const goldId = await imageVolumeOf(image.id);
    const someone = { project_id: "project-b" };
    expect(await list(internalTenant, {})).toContain(goldId);
    expect(await list(anAdmin, { all_tenants: true })).toEqual(
      expect.arrayContaining([goldId, ownId]),
    );
    expect(await list(anAdmin, {})).toEqual([]);
    const own = { project_id: "project-a" };
    expect(await list(own, { image_id: image.id })).toEqual([ownId]);
    expect(await list(own, {})).not.toContain(goldId);
    expect(await list(someone, {})).toEqual([]);
    expect(await list({}, {})).toEqual([]);
    for (const context of [own, someone, {}, internalTenant]) {
      expect(await codeOf(list(context, { all_tenants: true }))).toMatch(
        /^FORBIDDEN: /,
      );
    }
    const gold = await stage.call(
      "get_volume",
      { volume_id: goldId },
      { context: internalTenant },
    );
    expect(gold).toMatchObject({
      role: "image-volume",
      name: `image-${image.id}`,
      project_id: internalTenant.project_id,
      user_id: internalTenant.user_id,
    });
    for (const method of ["get_volume", "delete_volume"]) {
      await expect(
        stage.call(method, { volume_id: goldId }),
      ).rejects.toMatchObject({ remoteClass: "VolumeNotFound" });
      await expect(
        stage.call(method, { volume_id: ownId }, { context: someone }),
      ).rejects.toMatchObject({ remoteClass: "VolumeNotFound" });
    }
    expect(await wrongVolumes(stage.root, [ownId], image.image.raw)).toEqual(
      [],
    );
  });

  it("evict an image-volume that is deleted, and tell of it when it is gone", async () => {
    const image = stage.images.add(rawImage());
    const first = await stage.create(image.id);
    const goldId = await imageVolumeOf(image.id);
    const before = await backendFiles(stage.root);
    const answer = await stage.call<unknown>(
      "delete_volume",
      { volume_id: goldId },
      { context: internalTenant },
    );
    expect(answer).toEqual({ volume_id: goldId, status: "deleted" });
    const after = await backendFiles(stage.root);
    expect(after.images).toHaveLength(before.images.length - 1);
    await stage.events.has("image_volume_cache.evict", {
      image_id: image.id,
      reason: "manual",
    });
    const again = await stage.create(image.id);
    expect(again.path).toBe("miss");
    expect(image.downloads).toBe(2);
    const ids = [first.volume_id, again.volume_id];
    expect(await wrongVolumes(stage.root, ids, image.image.raw)).toEqual([]);
  });

  it("cancel a create whose volume is deleted, and go on for the others", async () => {
    const image = stage.images.add(rawImage(), { holdAt: 128 * 1024 });
    const [doomed, other] = [randomUUID(), randomUUID()];
    const failure = codeOf(stage.create(image.id, { volume_id: doomed }));
    await stage.images.whenHeld(image);
    const served = stage.create(image.id, { volume_id: other });
    await eventually("both are in work", async () => {
      const page = { image_id: image.id, status: "creating" };
      return (
        (await list({ project_id: "project-a" }, { status: page.status }))
          .length === 2
      );
    });
    const deleted = await stage.call<unknown>("delete_volume", {
      volume_id: doomed,
    });
    expect(deleted).toEqual({ volume_id: doomed, status: "deleted" });
    expect(await failure).toMatch(/^CANCELLED: /);
    await expect(
      stage.call("get_volume", { volume_id: doomed }),
    ).rejects.toMatchObject({ errorCode: "VOLUME_NOT_FOUND" });
    stage.images.letGo(image);
    expect(await served).toMatchObject({ path: "coalesced" });
    expect(image.downloads).toBe(1);
    expect(await wrongVolumes(stage.root, [other], image.image.raw)).toEqual(
      [],
    );
    const files = await backendFiles(stage.root);
    expect(files.volumes).not.toContain(`volume-${doomed}`);
    expect(files.leftovers).toEqual([]);
    await stage.events.has("image_volume_cache.hit", { volume_id: other });
    expect(stage.events.lookups([doomed, other])).toEqual({ hit: 1, miss: 1 });
    await expect(
      stage.create(image.id, { volume_id: doomed }),
    ).rejects.toMatchObject({ errorCode: "VOLUME_CONFLICT" });
  });

  it("list volumes in pages, each once and in order", async () => {
    const image = stage.images.add(rawImage());
    const context = { project_id: "project-of-pages" };
    const volumes = await Promise.all(
      Array.from(
        { length: 7 },
        async () => await stage.create(image.id, {}, { context }),
      ),
    );
    const pages: string[][] = [];
    let marker: string | null = null;
    do {
      const args: Record<string, unknown> = { limit: 3, marker };
      const page: Page = await stage.call("list_volumes", args, { context });
      pages.push(page.volumes.map((each) => each.volume_id));
      marker = page.next_marker;
    } while (marker !== null);
    expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
    expect(pages.flat()).toEqual(
      volumes.map((each) => each.volume_id).toSorted(),
    );
  });

  it("delete a volume, twice with the same answer, and no other", async () => {
    const image = stage.images.add(rawImage());
    const kept = await stage.create(image.id);
    const { volume_id } = await stage.create(image.id);
    const gone = { volume_id, status: "deleted" };
    expect(await stage.call("delete_volume", { volume_id })).toEqual(gone);
    expect(await stage.call("delete_volume", { volume_id })).toEqual(gone);
    const unknown = { volume_id: randomUUID() };
    expect(await stage.call("delete_volume", unknown)).toEqual({
      ...unknown,
      status: "deleted",
    });
    const { volumes } = await backendFiles(stage.root);
    expect(volumes).not.toContain(`volume-${volume_id}`);
    expect(
      await wrongVolumes(stage.root, [kept.volume_id], image.image.raw),
    ).toEqual([]);
    await stage.events.has("volume.delete.end", { volume_id });
  });
});
