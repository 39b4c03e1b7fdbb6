import type { BackendVolume, Options } from "../volume-backend.ts";
import type { ArrayPlace } from "./array-place.ts";
import { isTaken } from "./array-refusals.ts";
import { renameNamed } from "./change-volume.ts";
import { findOurs, lookAt, oursOrNone } from "./own-volumes.ts";
import { volumeExists, volumeMissing, volumeNotOurs } from "./volume-errors.ts";
import { madeAs } from "./volume-tags.ts";

/** Gives a user's volume its own name. The tag of the name it was made under tells a repeated rename from one that lost. */
export async function renameVolume(
  place: ArrayPlace,
  volume: BackendVolume,
  name: string,
  options: Options,
): Promise<BackendVolume> {
  const { names, where, client } = place;
  if (names.parse(name)?.kind !== "volume") {
    throw volumeNotOurs(name, where);
  }
  const found = await findOurs(place, volume.providerId, options);
  if (found === null) {
    return await renamedBefore(place, volume.providerId, name, options);
  }
  try {
    const item = await renameNamed(place, found.item, name, options);
    if (item === null) {
      throw volumeMissing(volume.providerId, where);
    }
    return { providerId: name, sizeBytes: item.provisioned };
  } catch (error) {
    const taken = isTaken(error) ? await lookAt(client, name, options) : null;
    throw taken === null ? error : volumeExists(taken, where);
  }
}

async function renamedBefore(
  place: ArrayPlace,
  from: string,
  name: string,
  options: Options,
): Promise<BackendVolume> {
  const there = await oursOrNone(place, name, options);
  if (there === null) {
    throw volumeMissing(from, place.where);
  }
  if (there.tags.get(madeAs) !== place.names.leafOf(from)) {
    throw volumeExists(there.item, place.where);
  }
  return { providerId: name, sizeBytes: there.item.provisioned };
}
