import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "@jest/globals";
import {
  qcow2Image,
  rawImage,
  type TestImage,
} from "../helpers/test-images.ts";
import { useStage } from "../helpers/use-stage.ts";
import { wrongVolumes } from "../helpers/volume-bytes.ts";

/** Endpoint of a real Glance that takes uploads without a token. */
const glanceUrl = process.env["IVC_TEST_GLANCE"] ?? "";

(glanceUrl === "" ? describe.skip : describe)("with a real Glance", () => {
  const stage = useStage();

  beforeAll(async () => {
    await stage.start("node-a", { IVC_GLANCE_URL: glanceUrl });
  }, 60_000);

  async function glance(
    method: string,
    path: string,
    type: string,
    body: string | Buffer<ArrayBuffer>,
  ): Promise<Response> {
    const headers = { "Content-Type": type };
    const url = `${glanceUrl}/v2/images${path}`;
    const response = await fetch(url, { method, headers, body });
    expect([200, 201, 204]).toContain(response.status);
    return response;
  }

  async function upload(
    image: TestImage,
    facts: Record<string, unknown> = {},
  ): Promise<string> {
    const created = await glance(
      "POST",
      "",
      "application/json",
      JSON.stringify({
        name: "e2e",
        disk_format: image.diskFormat,
        container_format: "bare",
        visibility: "public",
        ...facts,
      }),
    );
    const { id } = (await created.json()) as { id: string };
    await glance(
      "PUT",
      `/${id}/file`,
      "application/octet-stream",
      Buffer.from(image.bytes),
    );
    return id;
  }

  it.each([
    ["raw", async () => rawImage(3 * 1024 ** 2 + 512)],
    ["qcow2", async () => await qcow2Image(rawImage(3 * 1024 ** 2))],
  ] as const)("makes volumes of a %s image", async (_format, make) => {
    const image = await make();
    const id = await upload(image);
    const miss = await stage.create(id);
    const hits = await Promise.all(
      Array.from({ length: 5 }, async () => await stage.create(id)),
    );
    expect(miss).toMatchObject({ path: "miss", image_id: id });
    expect(miss["content"]).toBe(`sha512:${image.sha512}/${image.diskFormat}`);
    expect(hits.map(({ path }) => path)).toEqual(Array(5).fill("hit"));
    const ids = [miss, ...hits].map((each) => each.volume_id);
    expect(await wrongVolumes(stage.root, ids, image.raw)).toEqual([]);
    await stage.events.has("image_volume_cache.hit", { image_id: id }, 5);
    await stage.events.has("image_volume_cache.miss", { image_id: id });
  });

  it("keeps an image-volume over an edit of the image's properties", async () => {
    const id = await upload(rawImage());
    expect((await stage.create(id)).path).toBe("miss");
    await glance(
      "PATCH",
      `/${id}`,
      "application/openstack-images-v2.1-json-patch",
      JSON.stringify([{ op: "replace", path: "/name", value: "renamed" }]),
    );
    expect((await stage.create(id)).path).toBe("hit");
  });

  it("refuses what Glance will not give: unknown, deactivated, too large for the size, deleted", async () => {
    await expect(stage.create(randomUUID())).rejects.toMatchObject({
      remoteClass: "ImageNotFound",
    });
    const id = await upload(rawImage(), { min_disk: 3 });
    await expect(stage.create(id, { size: 2 })).rejects.toMatchObject({
      errorCode: "SIZE_TOO_SMALL",
    });
    expect((await stage.create(id)).size).toBe(3);
    await glance("POST", `/${id}/actions/deactivate`, "application/json", "");
    await expect(stage.create(id)).rejects.toMatchObject({
      errorCode: "IMAGE_NOT_ACTIVE",
    });
    await glance("POST", `/${id}/actions/reactivate`, "application/json", "");
    expect((await stage.create(id)).path).toBe("hit");
    await glance("DELETE", `/${id}`, "application/json", "");
    await expect(stage.create(id)).rejects.toMatchObject({
      remoteClass: "ImageNotFound",
    });
  });
});
