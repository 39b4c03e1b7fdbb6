import { rm } from "node:fs/promises";
import { BackendError } from "../../errors.ts";
import type { BackendVolume } from "../volume-backend.ts";
import { copySparse, reflinkFile } from "./clone-file.ts";
import { errorCode } from "./file-error.ts";
import type { FileFolder } from "./file-folder.ts";
import { volumeExists, volumeMissing } from "./volume-errors.ts";

/** Makes the attempt `name` a clone of a sealed image-volume; what was there under that attempt is replaced. */
export async function cloneSealed(
  folder: FileFolder,
  fromName: string,
  name: string,
  {
    isReflink,
    signal,
  }: { readonly isReflink: boolean; readonly signal: AbortSignal },
): Promise<BackendVolume> {
  const { sidecar, stats } = await folder.ours(fromName);
  if (sidecar === null || sidecar.seal === null) {
    throw new BackendError(
      "VOLUME_NOT_SEALED",
      `${fromName} is not complete, so nothing is cloned from it; it has to be filled again`,
      { retry: "never" },
    );
  }
  const target = folder.path(name);
  const taken = await folder.look(name);
  if (taken.kind === "foreign") {
    throw volumeExists(name, folder.root);
  }
  if (taken.kind === "ours") {
    await rm(target, { force: true });
  }
  try {
    await (isReflink
      ? reflinkFile(folder.path(fromName), target)
      : copySparse(folder.path(fromName), target, signal));
  } catch (error) {
    await rm(target, { force: true });
    // Evicted between the look and the clone.
    throw errorCode(error) === "ENOENT"
      ? volumeMissing(fromName, folder.root)
      : error;
  }
  return { providerId: name, sizeBytes: stats.size };
}
