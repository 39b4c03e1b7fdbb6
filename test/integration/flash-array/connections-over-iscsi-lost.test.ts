import { randomBytes } from "node:crypto";
import { stat, writeFile } from "node:fs/promises";
import path from "node:path";
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
} from "@jest/globals";
import type { HostConnections } from "../../../daemon/backends/flash-array/host-connections.ts";
import type { IscsiTarget } from "../../../daemon/backends/volume-backend.ts";
import { findIscsiTools } from "../../../daemon/imagesync/find-iscsi-tools.ts";
import { findQemuImg } from "../../../daemon/imagesync/find-qemu-img.ts";
import { LunWriter } from "../../../daemon/imagesync/lun-writer.ts";
import { QemuImg } from "../../../daemon/imagesync/qemu-img.ts";
import {
  ConnectionsRig,
  options,
  type RigVolume,
} from "../../helpers/connections-rig.ts";
import { seeProcesses } from "../../helpers/processes.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { sha256OfFile } from "../../helpers/volume-bytes.ts";

const tools = await findQemuImg();
const iscsi = await findIscsiTools(tools);
const sizeBytes = 128 * 1024 ** 2;
const writerHost = "ivc-writer-node-1";

let rig: ConnectionsRig;
let daemon: HostConnections;
let folder: Awaited<ReturnType<typeof tempFolder>>;
let image: string;
let a: RigVolume;
let b: RigVolume;
let number = 0;

beforeAll(async () => {
  rig = await ConnectionsRig.start({ newest: "2.26", dataPlane: "iscsi" });
  daemon = await rig.daemon();
  folder = await tempFolder();
  image = path.join(folder.path, "image");
  await writeFile(image, randomBytes(sizeBytes));
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

beforeEach(async () => {
  number += 1;
  [a, b] = await Promise.all([volume(`a-${number}`), volume(`b-${number}`)]);
});

async function volume(name: string): Promise<RigVolume> {
  await rig.change(
    "POST",
    "volumes",
    { names: name },
    { provisioned: sizeBytes },
  );
  const { serial } = rig.simulator.model.volumes.named(name)!;
  return { physicalName: name, serial, sizeBytes, volumeId: name };
}

function fileOf({ physicalName }: RigVolume): string {
  const { id } = rig.simulator.model.volumes.named(physicalName)!;
  return rig.simulator.dataPlane.pathOf(id);
}

async function bytesIn(written: RigVolume): Promise<number> {
  return (await stat(fileOf(written))).blocks * 512;
}

/** What an administrator, or another daemon that takes this one for dead, does. */
async function takeAway({ physicalName }: RigVolume): Promise<void> {
  await rig.change("DELETE", "connections", {
    host_names: writerHost,
    volume_names: physicalName,
  });
}

/** Writes the image, and does something while qemu-img, in the middle of it, is held. */
async function writeThrough(
  target: IscsiTarget,
  meanwhile: () => Promise<void>,
): Promise<unknown> {
  const writer = new LunWriter({
    ...tools,
    ...iscsi,
    qemuImg: new QemuImg(tools),
    portalTimeoutMs: 30_000,
    scratchDir: folder.path,
  });
  const inTheMiddle = Promise.withResolvers<void>();
  const writing = writer
    .write(
      { path: image, format: "raw" },
      target,
      (percent) => {
        if (percent > 40) {
          inTheMiddle.resolve();
        }
      },
      { signal: AbortSignal.timeout(60_000) },
    )
    .then(
      () => "written",
      (error: unknown) => error,
    );
  await inTheMiddle.promise;
  const found = (await seeProcesses()).find(
    ({ name, cmdline }) => name === "qemu-img" && cmdline.includes(image),
  );
  process.kill(found!.pid, "SIGSTOP");
  try {
    await meanwhile();
  } finally {
    process.kill(found!.pid, "SIGCONT");
  }
  return await writing;
}

describe("a writer whose volume is taken away in the middle", () => {
  it("fails, and does not touch the volume that its host gets at once", async () => {
    const target = await daemon.openTarget(a, options);
    let other: IscsiTarget | null = null;
    const outcome = await writeThrough(target, async () => {
      await takeAway(a);
      other = await daemon.openTarget(b, options);
    });
    expect(outcome).toMatchObject({
      code: "BACKEND_IO",
      retry: "later",
      message: expect.stringContaining("LOGICAL_UNIT_NOT_SUPPORTED"),
    });
    await expect(bytesIn(b)).resolves.toBe(0);
    expect(other!.lun).not.toBe(target.lun);
    await other![Symbol.asyncDispose]();
  });

  it("fails and says so when somebody puts another volume at its very LUN", async () => {
    const target = await daemon.openTarget(a, options);
    const outcome = await writeThrough(target, async () => {
      await takeAway(a);
      await rig.change(
        "POST",
        "connections",
        { host_names: writerHost, volume_names: b.physicalName },
        { lun: target.lun },
      );
    });
    expect(outcome).toMatchObject({
      code: "WRONG_DEVICE",
      message: expect.stringMatching(
        `serial ${b.serial}.*while the image was written`,
      ),
    });
    await takeAway(b);
  });

  it("writes all of it when it gets the volume back, and nothing elsewhere", async () => {
    const target = await daemon.openTarget(a, options);
    const outcome = await writeThrough(target, async () => {
      await takeAway(a);
      await rig.change(
        "POST",
        "connections",
        { host_names: writerHost, volume_names: a.physicalName },
        { lun: target.lun },
      );
    });
    expect(outcome).toBe("written");
    expect(await sha256OfFile(fileOf(a))).toBe(await sha256OfFile(image));
    await target[Symbol.asyncDispose]();
  });
});

it("a writer goes on when another volume is connected to its host and taken away", async () => {
  const target = await daemon.openTarget(a, options);
  const before = rig.simulator.log.mark();
  const outcome = await writeThrough(target, async () => {
    const other = await daemon.openTarget(b, options);
    await other[Symbol.asyncDispose]();
  });
  expect(outcome).toBe("written");
  expect(rig.simulator.log.calls("POST", "connections", before)).toHaveLength(
    1,
  );
  expect(await sha256OfFile(fileOf(a))).toBe(await sha256OfFile(image));
  await expect(bytesIn(b)).resolves.toBe(0);
  await target[Symbol.asyncDispose]();
});
