import { execFile } from "node:child_process";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { digestFile } from "./digest-file.ts";
import { writeLargeImage } from "./write-large-image.ts";

/** An image as a file, and what it is as a raw disk. */
export interface ImageFile {
  readonly path: string;
  readonly diskFormat: "raw" | "qcow2";
  readonly sizeBytes: number;
  readonly virtualSizeBytes: number;
  /** Of the file, as Glance tells it. */
  readonly sha512: string;
  /** Of the disk, as a volume must have it. */
  readonly rawSha256: string;
}

/** The images of the demo. */
export interface DemoImages {
  readonly large: ImageFile;
  readonly largeQcow2: ImageFile;
  readonly rescue: ImageFile;
  readonly rescueChanged: ImageFile;
  readonly rescueQcow2: ImageFile;
  /** Names a file of the host as its backing file. */
  readonly unsafe: ImageFile;
  /** What the rescue image is. */
  readonly rescueOrigin: string;
  /** Of no use but to be sent with a wrong bit. */
  readonly small: ImageFile;
}

const run = promisify(execFile);
const mib = 1024 ** 2;
const gib = 1024 ** 3;
/* Of this user alone; another number where the images are made in another way. */
const folder = join(tmpdir(), `ivc-demo-images-1-${process.getuid?.() ?? 0}`);
const grub = "/usr/lib/grub-rescue";

/** Makes the images, or takes those of an earlier run. */
export async function prepareImages(
  say: (text: string) => void,
): Promise<DemoImages> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const at = (name: string) => join(folder, name);
  const made = async (
    name: string,
    make: (path: string) => Promise<unknown>,
  ) => {
    await makeOnce(at(name), make);
    return at(name);
  };
  const large = await made("large.raw", async (path) => {
    await writeLargeImage(path, gib, (bytes) =>
      say(`making a 1 GiB image: ${Math.round((100 * bytes) / gib)} %`),
    );
  });
  say("making qcow2 images and checksums");
  const rescue = await rescueFiles(made);
  const qcow2 = async (raw: string, name: string) =>
    await made(name, async (path) => {
      await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, path]);
    });
  const unsafe = await made("unsafe.qcow2", async (path) => {
    const backing = ["-u", "-b", "/etc/shadow", "-F", "raw"];
    await run("qemu-img", ["create", "-f", "qcow2", ...backing, path, "1G"]);
  });
  const small = await made("small.raw", async (path) => {
    await writeLargeImage(path, 8 * mib, () => {});
  });
  return {
    small: await describe(small, small),
    large: await describe(large, large),
    largeQcow2: await describe(await qcow2(large, "large.qcow2"), large),
    rescue: await describe(rescue.first, rescue.first),
    rescueChanged: await describe(rescue.second, rescue.second),
    rescueQcow2: await describe(
      await qcow2(rescue.first, "rescue.qcow2"),
      rescue.first,
    ),
    unsafe: { ...(await describe(unsafe, unsafe)), virtualSizeBytes: gib },
    rescueOrigin: rescue.origin,
  };
}

type Make = (
  name: string,
  make: (path: string) => Promise<unknown>,
) => Promise<string>;

async function rescueFiles(made: Make) {
  const first = join(grub, "grub-rescue-cdrom.iso");
  const second = join(grub, "grub-rescue-floppy.img");
  if ((await exists(first)) && (await exists(second))) {
    return { first, second, origin: "GRUB's rescue image (bootable)" };
  }
  const small = async (name: string, sizeBytes: number) =>
    await made(name, async (path) => {
      await writeLargeImage(path, sizeBytes, () => {});
    });
  return {
    first: await small("small-1.raw", 5 * mib),
    second: await small("small-2.raw", 6 * mib),
    origin:
      "a small generated image (grub-rescue-pc, whose bootable image is used where it is installed, is not)",
  };
}

/* Under another name first, so that an interrupted run leaves no half image behind for the next. */
async function makeOnce(
  path: string,
  make: (path: string) => Promise<unknown>,
): Promise<void> {
  if (!(await exists(path))) {
    const unfinished = `${path}.${process.pid}`;
    await make(unfinished);
    await rename(unfinished, path);
  }
}

async function describe(path: string, raw: string): Promise<ImageFile> {
  const { size: sizeBytes } = await stat(path);
  return {
    path,
    diskFormat: path.endsWith(".qcow2") ? "qcow2" : "raw",
    sizeBytes,
    virtualSizeBytes: (await stat(raw)).size,
    sha512: await rememberedDigest(path, "sha512"),
    rawSha256: await rememberedDigest(raw, "sha256"),
  };
}

/* A digest of a gigabyte takes seconds: it is kept beside the images until the file changes. */
async function rememberedDigest(
  path: string,
  algorithm: "sha256" | "sha512",
): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  const name = path.replaceAll("/", "_");
  const note = join(folder, `${name}.${size}.${mtimeMs}.${algorithm}`);
  if (await exists(note)) {
    return await readFile(note, "utf8");
  }
  const digest = await digestFile(path, algorithm);
  await writeFile(note, digest);
  return digest;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
