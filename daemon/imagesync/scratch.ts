import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { lstat, open, readdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { DaemonError } from "../errors.ts";
import { BlockWriter } from "./block-writer.ts";
import { isNoSpace } from "./error-code.ts";

const partName = /^ivc-[0-9a-f]{20}\.part$/;
const reserveBytes = 64 * 1024 * 1024;

/** A file that exists while an image is on its way; removed on dispose. */
export interface ScratchFile extends AsyncDisposable {
  readonly path: string;
  readonly writer: BlockWriter;
  /** Gives the file its length, which zeroes at its end that were left out do not; once all is written. */
  setLength(bytes: number): Promise<void>;
}

/** Makes a private, empty file in `dir`, where `needBytes` have to fit; null: nobody knows how many. */
export async function createScratchFile(
  dir: string,
  needBytes: number | null,
): Promise<ScratchFile> {
  await refuseWhenFull(dir, needBytes ?? 0);
  const path = newScratchPath(dir);
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  const file = await open(
    path,
    O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY,
    0o600,
  ).catch((error: unknown) => {
    throw scratchError(error, dir);
  });
  const writer = new BlockWriter(file);
  return {
    path,
    writer,
    setLength: async (bytes) => {
      await file.truncate(bytes);
    },
    [Symbol.asyncDispose]: async () => {
      try {
        await writer[Symbol.asyncDispose]();
      } finally {
        await rm(path, { force: true });
      }
    },
  };
}

/** A name in `dir` that nobody has, and that {@link cleanScratch} knows. */
export function newScratchPath(dir: string): string {
  return join(dir, `ivc-${randomBytes(10).toString("hex")}.part`);
}

/** What a failed write into the scratch folder means. */
export function scratchError(error: unknown, dir: string): DaemonError {
  if (error instanceof DaemonError) {
    return error;
  }
  return isNoSpace(error)
    ? scratchFull(dir, error)
    : new DaemonError(
        `SCRATCH_IO: cannot write into the scratch folder ${dir}; check its disk and owner`,
        { code: "SCRATCH_IO", retry: "later", cause: error },
      );
}

/** Checks the scratch folder at the daemon's start and removes what an earlier life left in it. Returns how many files. */
export async function cleanScratch(dir: string): Promise<number> {
  const stat = await lstat(dir).catch(() => null);
  const uid = process.getuid?.() ?? 0;
  if (stat === null || !stat.isDirectory()) {
    throw unusable(dir, "is not a folder");
  }
  if (stat.uid !== uid || (stat.mode & 0o022) !== 0) {
    throw unusable(dir, "belongs to, or can be written by, somebody else");
  }
  const names = await readdir(dir);
  const parts = names.filter((name) => partName.test(name));
  await Promise.all(
    parts.map(async (name) => {
      await rm(join(dir, name), { force: true });
    }),
  );
  return parts.length;
}

function unusable(dir: string, what: string): DaemonError {
  return new DaemonError(
    `SCRATCH_UNUSABLE: the scratch folder ${dir} ${what}; make it with: install -d -m 0700 ${dir} (as the daemon's user)`,
    { code: "SCRATCH_UNUSABLE", retry: "never" },
  );
}

async function refuseWhenFull(dir: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir).catch((error: unknown) => {
    throw scratchError(error, dir);
  });
  if (bavail * bsize < bytes + reserveBytes) {
    throw scratchFull(dir);
  }
}

function scratchFull(dir: string, cause?: unknown): DaemonError {
  return new DaemonError(
    `SCRATCH_FULL: the image does not fit into the scratch folder ${dir}; free space there`,
    { code: "SCRATCH_FULL", retry: "later", cause },
  );
}
