import type {
  DeleteOptions,
  VolumeBackend,
} from "../backends/volume-backend.ts";

/**
 * Deletes what may be left of a create under the volume's own name. A labelled volume belongs to a create that ended
 * well, whatever the index knows of it, and is left alone: false then.
 */
export async function removeUnfinished(
  backend: VolumeBackend,
  name: string,
  options: DeleteOptions,
): Promise<boolean> {
  const found = await backend.find(name, options);
  if ((found?.labelledBy ?? null) !== null) {
    return false;
  }
  await backend.deleteVolume(name, options);
  return true;
}
