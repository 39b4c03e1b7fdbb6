import { beforeAll, describe, expect, it } from "@jest/globals";
import { eventually } from "../helpers/eventually.ts";
import { codeOf } from "../helpers/raw-caller.ts";
import { rawImage } from "../helpers/test-images.ts";
import { anAdmin, useStage } from "../helpers/use-stage.ts";

/** Settings of a node that has a folder of its own besides the shared backend `file`. */
function localBackend(node: string, root: string): Record<string, string> {
  return {
    NODE_CONFIG: JSON.stringify({
      backends: { [`local-${node}`]: { driver: "file", root } },
    }),
  };
}

describe("two nodes with a local disk each besides the shared one", () => {
  const stage = useStage();

  beforeAll(async () => {
    for (const node of ["node-a", "node-b"]) {
      const root = await stage.folder(node);
      await stage.start(node, localBackend(node, root));
    }
  }, 60_000);

  it("make a volume where it is asked for, whichever of them gets the request", async () => {
    const image = stage.images.add(rawImage(1024 ** 2));
    const backends = ["local-node-a", "local-node-b"];
    for (let turn = 0; turn < 4; turn += 1) {
      for (const backend of backends) {
        const volume = await stage.create(image.id, { backend });
        expect(volume).toMatchObject({ status: "available", backend });
      }
    }
    // Each has an image-volume of its own.
    expect(image.downloads).toBe(2);
  });

  it("find a volume by its id alone, and delete it", async () => {
    const image = stage.images.add(rawImage(1024 ** 2));
    const backend = "local-node-b";
    const { volume_id } = await stage.create(image.id, { backend });
    for (let turn = 0; turn < 4; turn += 1) {
      expect(await stage.call("get_volume", { volume_id })).toMatchObject({
        backend,
        status: "available",
      });
    }
    await stage.call("delete_volume", { volume_id });
    await eventually("the end of the volume", async () => {
      const failure = await codeOf(stage.call("get_volume", { volume_id }));
      return failure.startsWith("VOLUME_NOT_FOUND");
    });
  });

  it("do not take one volume id on two backends", async () => {
    const image = stage.images.add(rawImage(1024 ** 2));
    const { volume_id } = await stage.create(image.id, {
      backend: "local-node-a",
    });
    const again = { image_id: image.id, volume_id, backend: "local-node-b" };
    await expect(stage.call("create_volume", again)).rejects.toMatchObject({
      errorCode: "VOLUME_CONFLICT",
    });
  });

  it("tell when nobody serves a backend", async () => {
    const image = stage.images.add(rawImage(1024 ** 2));
    await expect(
      stage.call("create_volume", { image_id: image.id, backend: "flash" }),
    ).rejects.toMatchObject({ errorCode: "NO_VALID_BACKEND" });
  });

  it("show the cache of the backend that is named", async () => {
    for (const backend of ["local-node-a", "local-node-b"]) {
      const stats = await stage.call<Record<string, unknown>>(
        "cache_stats",
        { backend },
        { context: anAdmin },
      );
      expect(stats["backend"]).toBe(backend);
    }
  });
});
