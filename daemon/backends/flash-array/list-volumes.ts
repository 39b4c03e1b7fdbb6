import { BackendError } from "../../errors.ts";
import type { Options, OwnedVolume } from "../volume-backend.ts";
import { volumeItem } from "./array-items.ts";
import type { ArrayPlace } from "./array-place.ts";
import {
  confirmedAbsent,
  isOurs,
  ownedVolume,
  readTags,
} from "./own-volumes.ts";

/**
 * Everything of ours that is not destroyed. The marker is asked for too: a list without it is none, since whoever takes
 * it for empty forgets all volumes.
 */
export async function* listVolumes(
  place: ArrayPlace,
  options: Options,
): AsyncGenerator<OwnedVolume> {
  const items = await place.client.list(
    "volumes",
    { filter: place.names.everything, destroyed: false },
    volumeItem,
    options,
  );
  if (
    !items.some(({ id, destroyed }) => id === place.dataSetId && !destroyed)
  ) {
    await confirmedAbsent(place, options);
    throw markerUnlisted(place);
  }
  const named = items.filter(
    (item) => !item.destroyed && place.names.parse(item.name) !== null,
  );
  const tagsOf = await readTags(place.client, named, options);
  for (const item of named) {
    const tags = tagsOf.get(item.id) ?? new Map();
    const owned = isOurs(place, item, tags)
      ? ownedVolume(place, { item, tags })
      : null;
    if (owned !== null) {
      yield owned;
    }
  }
}

function markerUnlisted({ names, where }: ArrayPlace): BackendError {
  return new BackendError(
    "BACKEND_IO",
    `${where} has the marker volume ${names.marker}, but does not list it when asked for volumes by their names; its list is not believed: check the prefix, pod and volume group, and what GET volumes with filter=name='${names.marker}' answers`,
    { retry: "later" },
  );
}
