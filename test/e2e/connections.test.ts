import { stat } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { runIvc } from "../helpers/run-ivc.ts";
import { rawImage } from "../helpers/test-images.ts";
import { someProject, useStage } from "../helpers/use-stage.ts";

const connector = {
  host: "compute-1",
  initiator: "iqn.1994-05.com.redhat:0a1b2c3d",
  multipath: true,
};

describe("a volume on the local disk of one of two nodes", () => {
  const stage = useStage();
  const backend = "local-node-b";
  let root: string;
  let volumeId: string;

  beforeAll(async () => {
    for (const node of ["node-a", "node-b"]) {
      root = await stage.folder(node);
      const own = { driver: "file", root };
      await stage.start(node, {
        NODE_CONFIG: JSON.stringify({ backends: { [`local-${node}`]: own } }),
      });
    }
    const image = stage.images.add(rawImage(1024 ** 2));
    volumeId = (await stage.create(image.id, { backend })).volume_id;
  }, 60_000);

  it("is connected by its node, whichever of them is asked", async () => {
    for (let turn = 0; turn < 4; turn += 1) {
      const info = await stage.call("initialize_connection", {
        volume_id: volumeId,
        connector,
      });
      expect(info).toEqual({
        driver_volume_type: "local",
        data: { device_path: path.join(root, `volume-${volumeId}`) },
      });
      const ended = await stage.call("terminate_connection", {
        volume_id: volumeId,
        connector,
      });
      expect(ended).toEqual({ volume_id: volumeId, status: "disconnected" });
    }
    const { size } = await stat(path.join(root, `volume-${volumeId}`));
    expect(size).toBe(1024 ** 3);
  });

  it("is connected by ivc", async () => {
    const env = {
      IVC_AMQP_URL: stage.amqpUrl,
      OS_PROJECT_ID: someProject.project_id,
    };
    const bus = ["--exchange", stage.exchange, "--topic", stage.topic];
    const { status, stdout, stderr } = await runIvc(
      [...bus, "volume", "connect", volumeId, "--host", "compute-1"],
      env,
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain(path.join(root, `volume-${volumeId}`));
  });

  it("is gone for connections once it is deleted", async () => {
    await stage.call("delete_volume", { volume_id: volumeId });
    const args = { volume_id: volumeId, connector };
    for (const method of ["initialize_connection", "terminate_connection"]) {
      await expect(stage.call(method, args)).rejects.toMatchObject({
        errorCode: "VOLUME_NOT_FOUND",
      });
    }
  });
});
