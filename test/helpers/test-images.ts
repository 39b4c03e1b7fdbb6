import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readFile, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { bytesPerGb } from "../../daemon/volume.ts";
import { tempFolder } from "./temp-folder.ts";

/** An image's bytes as they go over the wire, and the disk that they are; after `raw` it has zeroes only. */
export interface TestImage {
  readonly bytes: Buffer;
  readonly raw: Buffer;
  readonly diskFormat: string;
  readonly virtualSizeBytes: number;
  /** Of `bytes`. */
  readonly sha512: string;
}

const run = promisify(execFile);

function imageOf(bytes: Buffer, raw: Buffer, diskFormat: string): TestImage {
  const sha512 = createHash("sha512").update(bytes).digest("hex");
  return { bytes, raw, diskFormat, virtualSizeBytes: raw.length, sha512 };
}

/** A raw image of new random bytes with a hole of zeroes in its middle. */
export function rawImage(sizeBytes = 256 * 1024): TestImage {
  const raw = randomBytes(sizeBytes);
  raw.fill(0, Math.floor(sizeBytes / 4), Math.floor(sizeBytes / 2));
  return imageOf(raw, raw, "raw");
}

/** The bytes as an image that says it is of `diskFormat`. */
export function imageOfBytes(bytes: Buffer, diskFormat: string): TestImage {
  return imageOf(bytes, bytes, diskFormat);
}

/** The same disk as a qcow2 image. */
export async function qcow2Image(of: TestImage): Promise<TestImage> {
  await using folder = await tempFolder();
  const from = path.join(folder.path, "raw");
  const to = path.join(folder.path, "qcow2");
  await writeFile(from, of.raw);
  await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", from, to]);
  return imageOf(await readFile(to), of.raw, "qcow2");
}

/** A qcow2 image that would show whoever boots it a file of the host. */
export async function unsafeQcow2Image(): Promise<TestImage> {
  await using folder = await tempFolder();
  const file = path.join(folder.path, "unsafe.qcow2");
  const backing = ["-u", "-b", "/etc/passwd", "-F", "raw"];
  await run("qemu-img", ["create", "-f", "qcow2", ...backing, file, "1M"]);
  return imageOf(await readFile(file), Buffer.alloc(1024 ** 2), "qcow2");
}

/** A qcow2 image of a large disk that has some data at its begin only; its `raw` is that begin. */
export async function sparseQcow2Image(sizeGb: number): Promise<TestImage> {
  await using folder = await tempFolder();
  const from = path.join(folder.path, "raw");
  const to = path.join(folder.path, "qcow2");
  const begin = rawImage().raw;
  await writeFile(from, begin);
  await truncate(from, sizeGb * bytesPerGb);
  await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", from, to]);
  const bytes = await readFile(to);
  return {
    ...imageOf(bytes, begin, "qcow2"),
    virtualSizeBytes: sizeGb * bytesPerGb,
  };
}
