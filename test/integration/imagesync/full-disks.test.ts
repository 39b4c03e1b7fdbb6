import { execFileSync } from "node:child_process";
import { chmod, readFile, symlink, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { findQemuImg } from "../../../daemon/imagesync/find-qemu-img.ts";
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
import { scriptedSource } from "../../helpers/scripted-source.ts";

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
