import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import type { FileTarget } from "../../daemon/backends/volume-backend.ts";

const run = promisify(execFile);

/** A folder for one test with a scratch folder in it. */
export interface CopyBench extends AsyncDisposable {
  readonly folder: string;
  readonly scratchDir: string;
  readonly path: (name: string) => string;
  /** Files in the scratch folder. */
  readonly scratch: () => Promise<string[]>;
  /** A new target that reads as zeroes. */
  readonly target: (sizeBytes: number, name?: string) => Promise<FileTarget>;
}

/** Makes one; removed on dispose. */
export async function makeCopyBench(): Promise<CopyBench> {
  const folder = await mkdtemp(join(tmpdir(), "ivc-copy-"));
  const scratchDir = join(folder, "scratch");
  await mkdir(scratchDir, { mode: 0o700 });
  return {
    folder,
    scratchDir,
    path: (name) => join(folder, name),
    scratch: async () => await readdir(scratchDir),
    target: async (sizeBytes, name = "target") =>
      await makeTarget(join(folder, name), sizeBytes),
    [Symbol.asyncDispose]: async () => {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A sparse file as a target. */
export async function makeTarget(
  path: string,
  sizeBytes: number,
): Promise<FileTarget> {
  await writeFile(path, "");
  await truncate(path, sizeBytes);
  return {
    kind: "file",
    path,
    sizeBytes,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Runs qemu-img, trusted, to make what tests compare with. */
export async function qemuImg(...args: readonly string[]): Promise<void> {
  await run("/usr/bin/qemu-img", args);
}

/** Hash of a whole file. */
export async function hashOf(
  path: string,
  algorithm = "sha256",
): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** Children of this process, by command line. */
export async function childrenOfThisProcess(): Promise<string[]> {
  const children = await readFile(
    `/proc/${process.pid}/task/${process.pid}/children`,
    "utf8",
  );
  const ids = children.split(" ").filter((id) => id.trim() !== "");
  return await Promise.all(
    ids.map(
      async (id) =>
        await readFile(`/proc/${id}/cmdline`, "utf8").catch(() => ""),
    ),
  );
}

/** Bytes that look like a disk: data, holes of odd sizes, a tail that fills no sector. */
export function diskBytes(): Buffer {
  const bytes = Buffer.alloc(20 * 1024 * 1024 + 777);
  let state = 12_345;
  for (const [start, length] of [
    [0, 70_000],
    [3 * 1024 * 1024 - 100, 200],
    [5 * 1024 * 1024, 4 * 1024 * 1024 + 1],
    [bytes.length - 5, 5],
  ] as const) {
    for (let at = start; at < start + length; at += 1) {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      bytes[at] = state % 7 === 0 ? 0 : (state >> 16) % 256;
    }
  }
  return bytes;
}
