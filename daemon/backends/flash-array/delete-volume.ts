import type { DeleteOptions } from "../volume-backend.ts";
import type { VolumeItem } from "./array-items.ts";
import type { ArrayPlace } from "./array-place.ts";
import { destroyVolume } from "./destroy-volume.ts";
import { liveTombs } from "./live-tombs.ts";
import {
  confirmedAbsent,
  lookAt,
  lookById,
  physicalNames,
  proven,
} from "./own-volumes.ts";
import { volumeNotOurs } from "./volume-errors.ts";

/**
 * Destroys a volume of ours; absent = done, after the rest of a deletion that was cut in two. Its name is free
 * afterwards, since it is renamed first: a destroyed volume keeps its name until it is eradicated.
 */
export async function deleteVolume(
  place: ArrayPlace,
  providerId: string,
  options: DeleteOptions,
): Promise<void> {
  const parsed = place.names.parse(providerId);
  if (parsed === null) {
    throw volumeNotOurs(providerId, place.where);
  }
  const names = physicalNames(providerId, parsed);
  const [first] = names;
  // A seal renames it from the first name to the second, a restoration makes the first one: so once more at the end.
  const looks = names.length > 1 ? [...names, first] : names;
  for (const name of looks) {
    const item = await lookAt(place.client, name, options);
    if (item !== null && !item.destroyed) {
      await deleteFound(place, name, item, options);
      return;
    }
  }
  await confirmedAbsent(place, options);
  if (parsed.kind !== "tomb") {
    for (const ours of await liveTombs(place, names, options)) {
      await destroyVolume(place, ours, options);
    }
  }
}

async function deleteFound(
  place: ArrayPlace,
  name: string,
  item: VolumeItem,
  options: DeleteOptions,
): Promise<void> {
  const ours = await proven(place, item, options);
  if (ours !== null) {
    await destroyVolume(place, ours, options);
    return;
  }
  // Another deletion may be done with it by now: then its tags cannot be read as those of a live one.
  const now = await lookById(place.client, item.id, options);
  if (now !== null && !now.destroyed) {
    throw volumeNotOurs(name, place.where);
  }
}
