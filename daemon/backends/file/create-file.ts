import { constants } from "node:fs";
import { open, rm } from "node:fs/promises";
import type { NewVolume } from "../volume-backend.ts";
import type { FileFolder, Found } from "./file-folder.ts";
import { roleOf } from "./file-names.ts";
import { addSidecar, replaceSidecar } from "./sidecar.ts";
import { volumeExists } from "./volume-errors.ts";

const fileMode = 0o660;

function isSame(found: Found, { name, volumeId, role }: NewVolume): boolean {
  if (found.kind !== "ours") {
    return false;
  }
  const named = roleOf(name);
  const isOwner = found.sidecar === null || found.sidecar.volumeId === volumeId;
  return named === "attempt" || (named === role && isOwner);
}

async function markOurs(
  folder: FileFolder,
  { name, volumeId }: NewVolume,
): Promise<void> {
  const file = folder.sidecarPath(name);
  const sidecar = {
    format: 1,
    volumeId,
    madeAs: name,
    createdAtMs: Date.now(),
    seal: null,
  } as const;
  // There can be one without a volume, left by a crash.
  if (!(await addSidecar(file, sidecar))) {
    await replaceSidecar(file, sidecar);
  }
}

/** Makes an empty file of `sizeBytes`, or empties the one that is there if it is the same volume's. */
export async function createFile(
  folder: FileFolder,
  volume: NewVolume,
  sizeBytes: number,
): Promise<void> {
  const { name } = volume;
  const found = await folder.look(name);
  const isNew = found.kind === "absent";
  if (!isNew && !isSame(found, volume)) {
    throw volumeExists(name, folder.root);
  }
  // Also when it is emptied: a seal must not outlive the bytes it was for.
  if (roleOf(name) !== "attempt") {
    await markOurs(folder, volume);
  }
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const flags = O_RDWR | O_NOFOLLOW | (isNew ? O_CREAT | O_EXCL : 0);
  try {
    await using handle = await open(folder.path(name), flags, fileMode);
    await handle.truncate(0);
    await handle.truncate(sizeBytes);
  } catch (error) {
    if (isNew) {
      await rm(folder.sidecarPath(name), { force: true });
    }
    throw error;
  }
}
