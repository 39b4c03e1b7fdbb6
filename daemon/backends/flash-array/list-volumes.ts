import type { Options, OwnedVolume } from "../volume-backend.ts";
import { type VolumeItem, volumeItem } from "./array-items.ts";
import type { ArrayPlace } from "./array-place.ts";
import {
  confirmedAbsent,
  isOurs,
  ownedVolume,
  readTags,
} from "./own-volumes.ts";

// Ids are 36 characters: a query of about 2 KB.
const idsPerQuestion = 50;

/** Everything of ours that is not destroyed, as many tags per request as a URL may name. */
export async function* listVolumes(
  place: ArrayPlace,
  options: Options,
): AsyncGenerator<OwnedVolume> {
  await confirmedAbsent(place, options);
  const items = await place.client.list(
    "volumes",
    { filter: place.names.everything, destroyed: false },
    volumeItem,
    options,
  );
  const named = items.filter(
    (item) => !item.destroyed && place.names.parse(item.name) !== null,
  );
  for (let at = 0; at < named.length; at += idsPerQuestion) {
    const some = named.slice(at, at + idsPerQuestion);
    yield* await ownedAmong(place, some, options);
  }
}

async function ownedAmong(
  place: ArrayPlace,
  items: readonly VolumeItem[],
  options: Options,
): Promise<OwnedVolume[]> {
  const tagsOf = await readTags(place.client, items, options);
  return items
    .map((item) => ({ item, tags: tagsOf.get(item.id) ?? new Map() }))
    .filter(({ item, tags }) => isOurs(place, item, tags))
    .map((ours) => ownedVolume(place, ours))
    .filter((owned) => owned !== null);
}
