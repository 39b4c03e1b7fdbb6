import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { bytesPerGb } from "../../daemon/volume.ts";
import { tempFolder } from "./temp-folder.ts";

const run = promisify(execFile);

/** Path of a volume's file below a file backend's root. */
export function volumePath(root: string, volumeId: string): string {
  return path.join(root, `volume-${volumeId}`);
}

/** sha256 of a whole file; another process reads it. */
export async function sha256OfFile(file: string): Promise<string> {
  const { stdout } = await run("sha256sum", [file]);
  return stdout.slice(0, 64);
}

/** sha256 of these bytes, followed by zeroes up to `sizeGb`. */
export function sha256Padded(raw: Buffer, sizeGb: number): string {
  const hash = createHash("sha256").update(raw);
  const zeroes = Buffer.alloc(1024 ** 2);
  for (let left = sizeGb * bytesPerGb - raw.length; left > 0;) {
    const step = Math.min(left, zeroes.length);
    hash.update(zeroes.subarray(0, step));
    left -= step;
  }
  return hash.digest("hex");
}

/**
 * What is wrong with volumes that should be `raw` followed by zeroes up to `sizeGb`; empty when all are right. qemu-img
 * compares, which knows holes: hundreds of volumes take seconds.
 */
export async function wrongVolumes(
  root: string,
  volumeIds: readonly string[],
  raw: Buffer,
  sizeGb = 1,
): Promise<string[]> {
  await using folder = await tempFolder();
  const expected = path.join(folder.path, "expected");
  await writeFile(expected, raw);
  const wrong: string[] = [];
  for (const volumeId of volumeIds) {
    const file = volumePath(root, volumeId);
    try {
      const { size } = await stat(file);
      if (size !== sizeGb * bytesPerGb) {
        wrong.push(`${volumeId}: ${size} bytes`);
      }
      const formats = ["-f", "raw", "-F", "raw"];
      await run("qemu-img", ["compare", ...formats, file, expected]);
    } catch (error) {
      const { stdout, message } = error as Error & { stdout?: string };
      wrong.push(`${volumeId}: ${stdout || message}`);
    }
  }
  return wrong;
}

/** What is below a file backend's root, by what its names say; scratch files and sidecars included. */
export interface BackendFiles {
  readonly volumes: readonly string[];
  readonly images: readonly string[];
  /** Whatever else there is that somebody left: attempts, scratch files, sidecars of nothing. */
  readonly leftovers: readonly string[];
}

/** Lists the root of a file backend. */
export async function backendFiles(root: string): Promise<BackendFiles> {
  const names = await readdir(root);
  const volumes = names.filter((name) => name.startsWith("volume-"));
  const images = names.filter((name) => name.startsWith("image-"));
  const own = [".meta", ".scratch", ".image-volume-cache"];
  const known = new Set([...volumes, ...images, ...own]);
  const sidecars = await readdir(path.join(root, ".meta"));
  const scratch = await readdir(path.join(root, ".scratch"), {
    recursive: true,
    withFileTypes: true,
  }).catch(() => []);
  return {
    volumes,
    images,
    leftovers: [
      ...names.filter((name) => !known.has(name)),
      ...sidecars
        .map((name) => name.replace(/\.json$/, ""))
        .filter((name) => !known.has(name))
        .map((name) => `.meta/${name}`),
      ...scratch
        .filter((entry) => entry.isFile())
        .map((entry) => `.scratch/${entry.name}`),
    ],
  };
}
