import { execFileSync } from "node:child_process";
import { chmod, readFile, symlink, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { IscsiTarget } from "../../../daemon/backends/volume-backend.ts";
import { findIscsiTools } from "../../../daemon/imagesync/find-iscsi-tools.ts";
import { findQemuImg } from "../../../daemon/imagesync/find-qemu-img.ts";
import { LunWriter } from "../../../daemon/imagesync/lun-writer.ts";
import { QemuImg } from "../../../daemon/imagesync/qemu-img.ts";
import {
  cleanScratch,
  createScratchFile,
} from "../../../daemon/imagesync/scratch.ts";
import { StreamCopier } from "../../../daemon/imagesync/stream-copier.ts";
import {
  type CopyBench,
  diskBytes,
  makeCopyBench,
  makeTarget,
  qemuImg,
} from "../../helpers/copy-bench.ts";
import { accessOf, imageOf, unhurried } from "../../helpers/image-requests.ts";
import { NarrowPortal } from "../../helpers/narrow-portal.ts";
import { scriptedSource } from "../../helpers/scripted-source.ts";
import { startLun } from "../../helpers/test-lun.ts";

const tools = await findQemuImg();
const disk = diskBytes();
/** Only root may mount. */
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;

async function copyTo(
  bytes: Buffer,
  diskFormat: string,
  scratchDir: string,
  targetPath: string,
): Promise<unknown> {
  const copier = new StreamCopier({
    source: scriptedSource({ chunks: [bytes], lengthBytes: bytes.length }),
    qemuImg: new QemuImg(tools),
    scratchDir,
    policy: { checksums: "prefer", allowMd5: true },
  });
  const image = imageOf({ diskFormat, sizeBytes: bytes.length });
  await using opened = await copier.open(image, accessOf(), unhurried);
  const target = await makeTarget(targetPath, opened.virtualSizeBytes);
  return await opened.copyTo(target, () => {}, unhurried);
}

async function qcow2Of(bytes: Buffer, bench: CopyBench): Promise<Buffer> {
  await writeFile(bench.path("raw"), bytes);
  await qemuImg(
    ..."convert -f raw -O qcow2".split(" "),
    bench.path("raw"),
    bench.path("image"),
  );
  return await readFile(bench.path("image"));
}

describeAsRoot("A full disk", () => {
  let bench: CopyBench;
  let full: string;
  beforeAll(async () => {
    bench = await makeCopyBench();
    full = bench.path("full");
    execFileSync("mkdir", [full]);
    const mount = "-t tmpfs -o size=2m,mode=700 tmpfs".split(" ");
    execFileSync("mount", [...mount, full]);
  });
  afterAll(async () => {
    execFileSync("umount", [full]);
    await bench[Symbol.asyncDispose]();
  });

  it.each(["raw", "qcow2"])(
    "under the target of a %s image is BACKEND_FULL",
    async (format) => {
      const bytes = format === "raw" ? disk : await qcow2Of(disk, bench);
      await expect(
        copyTo(bytes, format, bench.scratchDir, `${full}/${format}`),
      ).rejects.toMatchObject({ code: "BACKEND_FULL", retry: "later" });
      expect(await bench.scratch()).toEqual([]);
    },
  );

  it("under the scratch folder is seen before the copy", async () => {
    const bytes = await qcow2Of(disk, bench);
    await expect(
      copyTo(bytes, "qcow2", full, bench.path("target")),
    ).rejects.toMatchObject({ code: "SCRATCH_FULL", retry: "later" });
  });
});

describeAsRoot("Little room", () => {
  let bench: CopyBench;
  let small: string;
  const lunBytes = 256 * 1024 * 1024;
  beforeAll(async () => {
    bench = await makeCopyBench();
    small = bench.path("small");
    execFileSync("mkdir", [small]);
    const mount = "-t tmpfs -o size=72m,mode=700 tmpfs".split(" ");
    execFileSync("mount", [...mount, small]);
  });
  afterAll(async () => {
    execFileSync("umount", [small]);
    await bench[Symbol.asyncDispose]();
  });

  async function copyToLun(
    chunks: readonly Buffer[],
    scratchDir: string,
    target: IscsiTarget,
  ): Promise<void> {
    const qemu = new QemuImg(tools);
    const sizeBytes = chunks.reduce((sum, { length }) => sum + length, 0);
    const copier = new StreamCopier({
      source: scriptedSource({ chunks, lengthBytes: sizeBytes }),
      qemuImg: qemu,
      lunWriter: new LunWriter({
        ...tools,
        ...(await findIscsiTools(tools)),
        qemuImg: qemu,
        scratchDir,
      }),
      scratchDir,
      policy: { checksums: "prefer", allowMd5: true },
    });
    const image = imageOf({ sizeBytes });
    await using opened = await copier.open(image, accessOf(), unhurried);
    await opened.copyTo(target, () => {}, unhurried);
  }

  const zeroes = Array.from({ length: 10 }, () => Buffer.alloc(20_000_000));

  it("under the scratch folder is enough for a large raw image of few bytes", async () => {
    await using lun = await startLun(lunBytes);
    await copyToLun([disk, ...zeroes], small, lun.target());
    const start = (await readFile(lun.file)).subarray(0, disk.length);
    expect(start.equals(disk)).toBe(true);
  });

  it("under the scratch folder ends a raw image of too many bytes, and nothing was written", async () => {
    await using lun = await startLun(lunBytes);
    const data = zeroes.map(({ length }) => Buffer.alloc(length, 0xaa));
    await expect(copyToLun(data, small, lun.target())).rejects.toMatchObject({
      code: "SCRATCH_FULL",
      retry: "later",
    });
    expect(await lun.allocatedBytes()).toBe(0);
  });

  it("on the array is BACKEND_FULL when it says so, else BACKEND_IO", async () => {
    await using lun = await startLun(lunBytes, small);
    const data = zeroes.map(({ length }) => Buffer.alloc(length, 0xaa));
    // This target tells of a full disk as of a bad one.
    await expect(
      copyToLun(data, bench.scratchDir, lun.target()),
    ).rejects.toMatchObject({
      code: "BACKEND_IO",
      message: expect.stringMatching(/iSCSI WRITE.*\(0x1100\)/),
      retry: "later",
    });
    await using frank = await NarrowPortal.open(lun.portal, {
      retell: mediumErrorAsFull,
    });
    await expect(
      copyToLun(
        data,
        bench.scratchDir,
        lun.target({ portals: [frank.portal] }),
      ),
    ).rejects.toMatchObject({ code: "BACKEND_FULL", retry: "later" });
  });
});

/** Turns the sense data (fixed format, SPC) of a medium error into those of a thin device without room. */
function mediumErrorAsFull(bytes: Buffer): Buffer {
  const at = bytes.indexOf(Buffer.from("70000300000000", "hex"));
  if (at !== -1) {
    const [key, additional] = [at + 2, at + 12];
    bytes[key] = 0x07;
    bytes.writeUInt16BE(0x27_07, additional);
  }
  return bytes;
}

describe("cleanScratch", () => {
  it("removes our parts and nothing else", async () => {
    await using bench = await makeCopyBench();
    await writeFile(`${bench.scratchDir}/ivc-${"0a".repeat(10)}.part`, "x");
    await writeFile(`${bench.scratchDir}/somebody.part`, "x");
    expect(await cleanScratch(bench.scratchDir)).toBe(1);
    expect(await bench.scratch()).toEqual(["somebody.part"]);
  });

  it("refuses a folder that is missing, a link, or open to others", async () => {
    await using bench = await makeCopyBench();
    await symlink(bench.scratchDir, bench.path("link"));
    const unusable = { code: "SCRATCH_UNUSABLE" };
    for (const name of ["missing", "link"]) {
      await expect(cleanScratch(bench.path(name))).rejects.toMatchObject(
        unusable,
      );
    }
    await chmod(bench.scratchDir, 0o777);
    await expect(cleanScratch(bench.scratchDir)).rejects.toMatchObject(
      unusable,
    );
  });
});

describe("createScratchFile", () => {
  it("makes a private file that goes away", async () => {
    await using bench = await makeCopyBench();
    const scratch = await createScratchFile(bench.scratchDir, 1);
    const [name] = await bench.scratch();
    expect(scratch.path).toBe(`${bench.scratchDir}/${name}`);
    expect(name).toMatch(/^ivc-[0-9a-f]{20}\.part$/);
    const mode = execFileSync("stat", ["-c", "%a", scratch.path]).toString();
    expect(mode.trim()).toBe("600");
    await scratch[Symbol.asyncDispose]();
    expect(await bench.scratch()).toEqual([]);
  });
});
