import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";
import type { IscsiTarget } from "../../../daemon/backends/volume-backend.ts";
import { ImageSourceError } from "../../../daemon/errors.ts";
import { findIscsiTools } from "../../../daemon/imagesync/find-iscsi-tools.ts";
import { findQemuImg } from "../../../daemon/imagesync/find-qemu-img.ts";
import type { CopyResult } from "../../../daemon/imagesync/image-copier.ts";
import { LunWriter } from "../../../daemon/imagesync/lun-writer.ts";
import { QemuImg } from "../../../daemon/imagesync/qemu-img.ts";
import { StreamCopier } from "../../../daemon/imagesync/stream-copier.ts";
import type { Progress } from "../../../daemon/volume.ts";
import {
  childrenOfThisProcess,
  type CopyBench,
  diskBytes,
  hashOf,
  makeCopyBench,
  qemuImg,
} from "../../helpers/copy-bench.ts";
import { accessOf, imageOf, unhurried } from "../../helpers/image-requests.ts";
import { NarrowPortal } from "../../helpers/narrow-portal.ts";
import {
  type ScriptedDownload,
  scriptedSource,
} from "../../helpers/scripted-source.ts";
import { chapAccount, startLun } from "../../helpers/test-lun.ts";

const tools = await findQemuImg();
const iscsi = await findIscsiTools(tools);
const disk = diskBytes();
const lunBytes = 64 * 1024 * 1024;
const wholeDisk = sha256Of(Buffer.concat([disk], lunBytes));

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

interface Asked {
  readonly downloads: readonly ScriptedDownload[];
  readonly diskFormat: string;
  /** The image's bytes as they should come. */
  readonly bytes: Buffer;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

async function copy(
  bench: CopyBench,
  target: IscsiTarget,
  asked: Asked,
): Promise<CopyResult> {
  const { bytes, diskFormat, downloads } = asked;
  const { scratchDir } = bench;
  const qemu = new QemuImg(tools);
  const copier = new StreamCopier({
    source: scriptedSource(...downloads),
    qemuImg: qemu,
    lunWriter: new LunWriter({
      ...tools,
      ...iscsi,
      portalTimeoutMs: 30_000,
      qemuImg: qemu,
      scratchDir,
    }),
    scratchDir,
    policy: { checksums: "prefer", allowMd5: false },
    retryDelayMs: 5,
  });
  const image = imageOf({
    diskFormat,
    sizeBytes: bytes.length,
    checksums: [{ algorithm: "sha256", value: sha256Of(bytes) }],
  });
  await using opened = await copier.open(image, accessOf(), unhurried);
  const { onProgress = () => {}, signal = unhurried.signal } = asked;
  return await opened.copyTo(target, onProgress, { signal });
}

async function imageBytes(
  bench: CopyBench,
  diskFormat: string,
  flags: readonly string[],
): Promise<Buffer> {
  if (diskFormat === "raw") {
    return disk;
  }
  const [raw, image] = [bench.path("raw"), bench.path("image")];
  await writeFile(raw, disk);
  await qemuImg(..."convert -f raw -O qcow2".split(" "), ...flags, raw, image);
  return await readFile(image);
}

describe("StreamCopier into a LUN", () => {
  it.each([
    ["raw", "raw", []],
    ["qcow2", "qcow2", []],
    ["compressed qcow2", "qcow2", ["-c"]],
  ])(
    "brings every byte of a %s image, and sends no zeroes",
    async (_, diskFormat, flags) => {
      await using bench = await makeCopyBench();
      await using lun = await startLun(lunBytes);
      await lun.demandChap();
      const bytes = await imageBytes(bench, diskFormat, flags);
      const progress: Progress[] = [];
      const result = await copy(bench, lun.target({ chap: chapAccount }), {
        downloads: [{ chunks: [bytes], lengthBytes: bytes.length }],
        diskFormat,
        bytes,
        onProgress: (step) => progress.push(step),
      });
      expect(await hashOf(lun.file)).toBe(wholeDisk);
      expect(await lun.allocatedBytes()).toBeLessThan(8 * 1024 * 1024);
      expect(result).toMatchObject({
        bytesDownloaded: bytes.length,
        checksum: `sha256:${sha256Of(bytes)}`,
      });
      expect([...new Set(progress.map(({ phase }) => phase))]).toEqual([
        "download",
        "verify",
        "convert",
      ]);
      expect(progress.at(-1)).toMatchObject({
        phase: "convert",
        bytesDone: Math.ceil(disk.length / 512) * 512,
      });
      expect(await bench.scratch()).toEqual([]);
    },
  );

  it("writes nothing of a raw image that has zeroes only", async () => {
    await using bench = await makeCopyBench();
    await using lun = await startLun(lunBytes);
    const bytes = Buffer.alloc(3 * 1024 * 1024);
    await copy(bench, lun.target(), {
      downloads: [{ chunks: [bytes] }],
      diskFormat: "raw",
      bytes,
    });
    expect(await lun.allocatedBytes()).toBe(0);
  });

  it("begins with an empty spool again when the source cuts it", async () => {
    await using bench = await makeCopyBench();
    await using lun = await startLun(lunBytes);
    const garbage = Buffer.alloc(disk.length / 2, 0xaa);
    disk.copy(garbage, 0, 0, 600);
    const error = new ImageSourceError("SOURCE_CUT", "the test cut it");
    await copy(bench, lun.target(), {
      downloads: [{ chunks: [garbage], error }, { chunks: [disk] }],
      diskFormat: "raw",
      bytes: disk,
    });
    expect(await hashOf(lun.file)).toBe(wholeDisk);
    expect(await bench.scratch()).toEqual([]);
  });

  it("writes nothing of an image that is not the right one", async () => {
    await using bench = await makeCopyBench();
    await using lun = await startLun(lunBytes);
    const other = Buffer.from(disk);
    other[disk.length - 1] = 255 - disk[disk.length - 1]!;
    await expect(
      copy(bench, lun.target(), {
        downloads: [{ chunks: [other] }],
        diskFormat: "raw",
        bytes: disk,
      }),
    ).rejects.toMatchObject({ code: "IMAGE_CORRUPT" });
    expect(await lun.allocatedBytes()).toBe(0);
    expect(await bench.scratch()).toEqual([]);
  });

  it("asks the device before it downloads", async () => {
    await using bench = await makeCopyBench();
    await using lun = await startLun(lunBytes);
    const progress: Progress[] = [];
    await expect(
      copy(bench, lun.target({ serial: "6C1BFFFF" }), {
        downloads: [{ chunks: [disk] }],
        diskFormat: "raw",
        bytes: disk,
        onProgress: (step) => progress.push(step),
      }),
    ).rejects.toMatchObject({ code: "WRONG_DEVICE" });
    expect(progress).toEqual([]);
    expect(await lun.allocatedBytes()).toBe(0);
  });

  it("leaves no process and no scratch when aborted in the middle of the conversion", async () => {
    await using bench = await makeCopyBench();
    await using lun = await startLun(lunBytes);
    await using narrow = await NarrowPortal.open(lun.portal, {
      holdAfterBytes: 1_500_000,
    });
    const bytes = await imageBytes(bench, "qcow2", []);
    const abort = new AbortController();
    const copying = copy(bench, lun.target({ portals: [narrow.portal] }), {
      downloads: [{ chunks: [bytes] }],
      diskFormat: "qcow2",
      bytes,
      signal: abort.signal,
    }).catch((thrown: Error) => thrown);
    await narrow.held;
    abort.abort(new Error("enough"));
    expect(await copying).toMatchObject({ message: "enough" });
    expect(await bench.scratch()).toEqual([]);
    const children = await childrenOfThisProcess();
    expect(children.filter((line) => line.includes("qemu-img"))).toEqual([]);
  });

  it("needs a writer of LUNs, and a LUN that is large enough", async () => {
    await using bench = await makeCopyBench();
    await using lun = await startLun(1024 * 1024);
    const asked = {
      downloads: [{ chunks: [disk] }],
      diskFormat: "raw",
      bytes: disk,
    };
    await expect(copy(bench, lun.target(), asked)).rejects.toMatchObject({
      code: "TARGET_TOO_SMALL",
      message: expect.stringContaining("LUN 1 of iqn."),
    });
    const lying = lun.target({ sizeBytes: lunBytes });
    await expect(copy(bench, lying, asked)).rejects.toMatchObject({
      code: "BACKEND_IO",
    });
    const copier = new StreamCopier({
      source: scriptedSource({ chunks: [disk] }),
      qemuImg: new QemuImg(tools),
      scratchDir: bench.scratchDir,
      policy: { checksums: "prefer", allowMd5: false },
    });
    const image = imageOf({ sizeBytes: disk.length });
    await using opened = await copier.open(image, accessOf(), unhurried);
    await expect(
      opened.copyTo(lying, () => {}, unhurried),
    ).rejects.toMatchObject({ code: "TOOL_MISSING" });
  });
});
