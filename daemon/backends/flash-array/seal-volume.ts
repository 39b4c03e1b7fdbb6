import type { BackendVolume, Options, Seal } from "../volume-backend.ts";
import type { ArrayPlace } from "./array-place.ts";
import { isTaken } from "./array-refusals.ts";
import { renameById, writeTags } from "./change-volume.ts";
import { lookAt, oursOrNone } from "./own-volumes.ts";
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
  const { client, names, where } = place;
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
  const { item } = found;
  await writeTags(client, item.id, sealTags(seal, item.serial), options);
  if (item.name === img) {
    return;
  }
  try {
    const renamed = await renameById(place, item.id, img, options);
    if (renamed === null) {
      throw volumeMissing(providerId, where);
    }
  } catch (error) {
    const taken = isTaken(error) ? await lookAt(client, img, options) : null;
    throw taken === null ? error : volumeExists(taken, where);
  }
}
