import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import {
  access,
  link,
  mkdir,
  open,
  readFile,
  rm,
  statfs,
} from "node:fs/promises";
import path from "node:path";
import { BackendError } from "../../errors.ts";
import { errorCode, fileError } from "./file-error.ts";
import { metaFolder } from "./file-names.ts";

const markerName = ".image-volume-cache";
const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
// XFS and ext4: their journals keep the order of changes, so that one flush covers what was done before it.
const orderedFileSystems = new Set([0x58_46_53_42, 0xef_53]);

function rootError(root: string, why: string, cause?: unknown): BackendError {
  return new BackendError(
    "BACKEND_UNUSABLE",
    `${root} cannot hold volumes: ${why}`,
    { cause, retry: "never" },
  );
}

/** The UUID in the root's marker file; throws where there is none: then another file system is mounted there. */
export async function readMarker(root: string): Promise<string> {
  const text = await readFile(path.join(root, markerName), "utf8");
  const uuid = text.trim();
  if (!uuidPattern.test(uuid)) {
    throw rootError(
      root,
      `its marker file ${markerName} is damaged; restore it from a backup, or remove it if no volume here is needed`,
    );
  }
  return uuid;
}

async function hasMarker(root: string): Promise<boolean> {
  try {
    await readMarker(root);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return false;
    }
    throw error;
  }
}

async function makeMarker(root: string): Promise<void> {
  const fresh = path.join(root, `${markerName}.${randomUUID()}`);
  try {
    await using handle = await open(fresh, "wx");
    await handle.writeFile(`${randomUUID()}\n`);
    await handle.sync();
    // A link never replaces the marker that another daemon made meanwhile.
    await link(fresh, path.join(root, markerName));
  } catch (error) {
    if (errorCode(error) !== "EEXIST") {
      throw error;
    }
  } finally {
    await rm(fresh, { force: true });
  }
}

async function checkUsable(root: string): Promise<void> {
  try {
    // A directory behind a final slash, or nothing.
    await access(`${root}/`, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT") {
      throw rootError(root, "it does not exist; create it, or mount it", error);
    }
    if (code === "ENOTDIR") {
      throw rootError(root, "it is not a directory", error);
    }
    throw rootError(
      root,
      `the daemon's user may not read and write there (${code}); change its owner or mode, and ReadWritePaths in the systemd unit`,
      error,
    );
  }
}

/** Checks that volumes can be kept in `root` and marks it as ours on first use. */
export async function prepareRoot(
  root: string,
): Promise<{ readonly keepsOrder: boolean }> {
  if (!path.isAbsolute(root)) {
    throw rootError(root, "it is not an absolute path");
  }
  await checkUsable(root);
  try {
    await mkdir(path.join(root, metaFolder), { recursive: true });
    if (!(await hasMarker(root))) {
      await makeMarker(root);
    }
    const { type } = await statfs(root);
    return { keepsOrder: orderedFileSystems.has(type) };
  } catch (error) {
    throw fileError(error, `preparing ${root}`, root);
  }
}
