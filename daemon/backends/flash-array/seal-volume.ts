import type { BackendVolume, Options, Seal } from "../volume-backend.ts";
import { ArrayRefusedError } from "./array-errors.ts";
import type { VolumeItem } from "./array-items.ts";
import type { ArrayPlace } from "./array-place.ts";
import { isTaken } from "./array-refusals.ts";
import { renameNamed, writeTags } from "./change-volume.ts";
import { lookAt, lookById, oursOrNone } from "./own-volumes.ts";
import { volumeExists, volumeMissing, volumeNotOurs } from "./volume-errors.ts";
import { sealTags } from "./volume-tags.ts";

/**
 * Writes what an image-volume holds as its tags, then gives it the name that clones are made from: from then on it is
 * sealed. An array has what it has acknowledged, so there is nothing to flush.
 */
export async function sealVolume(
  place: ArrayPlace,
  { providerId }: BackendVolume,
  seal: Seal,
  options: Options,
): Promise<void> {
  const { names, where } = place;
  const parsed = names.parse(providerId);
  if (parsed?.kind !== "image-volume") {
    throw volumeNotOurs(providerId, where);
  }
  const { tmp, img } = parsed;
  const found =
    (await oursOrNone(place, tmp, options)) ??
    (await oursOrNone(place, img, options));
  if (found === null) {
    throw volumeMissing(providerId, where);
  }
  try {
    if (!(await sealFound(place, found.item, img, seal, options))) {
      throw volumeMissing(providerId, where);
    }
  } catch (error) {
    throw await failureOf(place, found.item, img, error, options);
  }
}

async function failureOf(
  { client, where }: ArrayPlace,
  { id, name }: VolumeItem,
  img: string,
  error: unknown,
  options: Options,
): Promise<unknown> {
  if (!(error instanceof ArrayRefusedError)) {
    return error;
  }
  const taken = isTaken(error) ? await lookAt(client, img, options) : null;
  if (taken !== null && taken.id !== id) {
    return volumeExists(taken, where);
  }
  // It may have been deleted since it was looked at.
  const now = await lookById(client, id, options);
  return now === null || now.destroyed ? volumeMissing(name, where) : error;
}

/** False when the volume is gone, or was renamed by somebody else. */
async function sealFound(
  place: ArrayPlace,
  item: VolumeItem,
  img: string,
  seal: Seal,
  options: Options,
): Promise<boolean> {
  await writeTags(place.client, item.id, sealTags(seal, item.serial), options);
  return (
    item.name === img || (await renameNamed(place, item, img, options)) !== null
  );
}
