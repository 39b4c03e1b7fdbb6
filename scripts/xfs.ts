import { execFile } from "node:child_process";
import { mkdir, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { canReflink } from "../daemon/backends/file/clone-file.ts";
import { installedProgram } from "./servers/installed-program.ts";
import { ServerFolder } from "./servers/server-process.ts";

/** A folder for volumes: an XFS of its own where that is possible. */
export interface XfsFolder extends AsyncDisposable {
  readonly path: string;
  /** False: a plain folder, where clones are copies. */
  readonly isReflink: boolean;
  /** Why it is not an XFS; null when it is. */
  readonly reason: string | null;
}

const run = promisify(execFile);
// mkfs.xfs refuses less.
const smallestMib = 300;

async function makeXfs(folder: string, sizeBytes: number): Promise<string> {
  const mkfs = await installedProgram("mkfs.xfs");
  if (mkfs === null) {
    throw new Error("mkfs.xfs is not installed (apt-get install xfsprogs)");
  }
  const disk = path.join(folder, "disk");
  const mountPoint = path.join(folder, "mounted");
  await writeFile(disk, "");
  await truncate(disk, sizeBytes);
  await run(mkfs, ["-q", "-m", "reflink=1", disk]);
  await mkdir(mountPoint);
  await run("mount", ["-o", "loop,nodev,nosuid", disk, mountPoint]);
  return mountPoint;
}

/** Mounts a new, sparse XFS with reflinks in a temporary folder; without root or XFS gives the plain folder. */
export async function mountXfs({
  sizeGb,
}: {
  readonly sizeGb: number;
}): Promise<XfsFolder> {
  const owned = await ServerFolder.create("xfs");
  const { folder } = owned;
  const sizeBytes = Math.max(Math.ceil(sizeGb * 1024), smallestMib) * 1024 ** 2;
  try {
    if (process.getuid?.() !== 0) {
      throw new Error("mounting an XFS needs root");
    }
    const mountPoint = await makeXfs(folder, sizeBytes);
    return {
      path: mountPoint,
      isReflink: true,
      reason: null,
      [Symbol.asyncDispose]: async () => {
        // Lazy, so that a file somebody still holds does not leave the mount behind.
        await run("umount", ["--lazy", mountPoint]);
        await owned[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    const plain = path.join(folder, "plain");
    await mkdir(plain);
    const isReflink = await canReflink(plain);
    return {
      path: plain,
      isReflink,
      reason: error instanceof Error ? error.message : String(error),
      [Symbol.asyncDispose]: async () => {
        await owned[Symbol.asyncDispose]();
      },
    };
  }
}
