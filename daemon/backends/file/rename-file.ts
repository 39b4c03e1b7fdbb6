import { link, rm } from "node:fs/promises";
import type { BackendVolume } from "../volume-backend.ts";
import { errorCode } from "./file-error.ts";
import type { FileFolder, Found } from "./file-folder.ts";
import { volumeIdIn } from "./file-names.ts";
import { addSidecar, readSidecar, replaceSidecar } from "./sidecar.ts";
import type { Sidecar } from "./sidecar.ts";
import { volumeExists } from "./volume-errors.ts";

/** Whether an earlier call has put this very file there; it may have been cut off before the old name was gone. */
function isDone(source: Found, target: Found, fromName: string): boolean {
  if (target.kind !== "ours") {
    return false;
  }
  if (source.kind === "ours") {
    return (
      source.stats.ino === target.stats.ino &&
      source.stats.dev === target.stats.dev
    );
  }
  return (
    source.kind === "absent" &&
    (target.sidecar === null || target.sidecar.madeAs === fromName)
  );
}

async function takeName(
  folder: FileFolder,
  fromName: string,
  name: string,
  sidecar: Sidecar,
): Promise<void> {
  const file = folder.sidecarPath(name);
  // Before the name, so that no crash leaves a volume that looks like somebody else's.
  const isAdded = await addSidecar(file, sidecar);
  try {
    // Unlike a rename, a link never replaces what is there.
    await link(folder.path(fromName), folder.path(name));
  } catch (error) {
    const present = isAdded ? await readSidecar(file) : null;
    if (
      present !== null &&
      present !== "unreadable" &&
      present.madeAs === fromName
    ) {
      await rm(file, { force: true });
    }
    throw errorCode(error) === "EEXIST"
      ? volumeExists(name, folder.root)
      : error;
  }
  if (!isAdded || sidecar.seal !== null) {
    await replaceSidecar(file, sidecar);
  }
}

/** Gives a file another name, durably; repeated, it goes on where it was cut off. */
export async function renameFile(
  folder: FileFolder,
  fromName: string,
  name: string,
): Promise<BackendVolume> {
  const source = await folder.look(fromName);
  const target = await folder.look(name);
  if (!isDone(source, target, fromName)) {
    if (target.kind !== "absent") {
      throw volumeExists(name, folder.root);
    }
    const { sidecar } = await folder.ours(fromName);
    await takeName(folder, fromName, name, {
      format: 1,
      volumeId: volumeIdIn(name) ?? sidecar?.volumeId ?? null,
      madeAs: fromName,
      createdAtMs: Date.now(),
      seal: sidecar?.seal ?? null,
    });
  }
  await rm(folder.path(fromName), { force: true });
  await rm(folder.sidecarPath(fromName), { force: true });
  await folder.flush(name);
  const { stats } = await folder.ours(name);
  return { providerId: name, sizeBytes: stats.size };
}
