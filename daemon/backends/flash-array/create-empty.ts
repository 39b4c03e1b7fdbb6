import type { BackendVolume, NewVolume, Options } from "../volume-backend.ts";
import { ArrayRefusedError, UnknownOutcomeError } from "./array-errors.ts";
import { type VolumeItem, volumeItem } from "./array-items.ts";
import { type ArrayPlace, creationOf } from "./array-place.ts";
import { isTaken } from "./array-refusals.ts";
import { writeTags } from "./change-volume.ts";
import { destroyVolume } from "./destroy-volume.ts";
import { growById } from "./grow-volume.ts";
import { confirmedAbsent, oursOrNone } from "./own-volumes.ts";
import { untilKnown } from "./until-known.ts";
import { markerGone, volumeExists, volumeNotOurs } from "./volume-errors.ts";
import type { ParsedName } from "./volume-names.ts";
import { volumeSize } from "./volume-size.ts";
import { createdTags, roleTag } from "./volume-tags.ts";

const maxTries = 3;

/**
 * Makes an empty volume: a clone of the marker, which is empty and carries our tag, so that there is no moment at which
 * what we made is not marked. Its other tags are written last: a volume without them was never written to.
 */
export async function createEmpty(
  place: ArrayPlace,
  volume: NewVolume,
  options: Options,
): Promise<BackendVolume> {
  const { name, role, volumeId } = volume;
  const parsed = place.names.parse(name);
  if (parsed === null || parsed.kind === "tomb") {
    throw volumeNotOurs(name, place.where);
  }
  const provisioned = volumeSize(volume.sizeBytes);
  const physical = parsed.kind === "image-volume" ? parsed.tmp : name;
  await makeRoom(place, parsed, options);
  const item = await cloneMarker(place, { ...volume, name: physical }, options);
  const sizeBytes = await growById(place, item, provisioned, options);
  await writeTags(
    place.client,
    item.id,
    createdTags(role, volumeId, place.names.leafOf(name)),
    options,
  );
  return { providerId: name, sizeBytes };
}

/** What the same attempt had sealed already is in the way: its name is that of a complete image-volume. */
async function makeRoom(
  place: ArrayPlace,
  parsed: ParsedName,
  options: Options,
): Promise<void> {
  if (parsed.kind === "image-volume") {
    const sealed = await oursOrNone(place, parsed.img, options);
    if (sealed !== null) {
      await destroyVolume(place, sealed, { ...options, isRestorable: false });
    }
  }
}

async function cloneMarker(
  place: ArrayPlace,
  volume: NewVolume,
  options: Options,
): Promise<VolumeItem> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await untilKnown(
        async () => await postClone(place, volume, options),
        async () => await justMade(place, volume.name, options),
      );
    } catch (error) {
      if (
        error instanceof ArrayRefusedError &&
        error.says("no such volume or snapshot", "volume does not exist")
      ) {
        throw markerGone(place.names.marker, place.where, error);
      }
      if (!isTaken(error) || tries >= maxTries) {
        throw error;
      }
      await discardLeft(place, volume.name, options);
    }
  }
}

async function postClone(
  place: ArrayPlace,
  { name, role }: NewVolume,
  options: Options,
): Promise<VolumeItem> {
  const { query, body } = creationOf(place, role);
  const [item] = await place.client.write(
    {
      method: "POST",
      path: "volumes",
      query: { names: [name], ...query },
      // By id: the marker of this array, and of no other one with the same prefix.
      body: { source: { id: place.dataSetId }, ...body },
    },
    volumeItem,
    options,
  );
  if (item === undefined) {
    throw new UnknownOutcomeError(`POST of volume ${name}`);
  }
  return item;
}

/** The volume of a POST without an answer; null when it was not made, or is what an earlier run has left. */
async function justMade(
  place: ArrayPlace,
  name: string,
  options: Options,
): Promise<VolumeItem | null> {
  const ours = await oursOrNone(place, name, options);
  return ours === null || ours.tags.has(roleTag) ? null : ours.item;
}

async function discardLeft(
  place: ArrayPlace,
  name: string,
  options: Options,
): Promise<void> {
  const left = await oursOrNone(place, name, options);
  if (left === null) {
    // What is destroyed may be the marker.
    await confirmedAbsent(place, options);
    return;
  }
  if (place.names.parse(name)?.kind === "volume") {
    throw volumeExists(left.item, place.where);
  }
  await destroyVolume(place, left, { ...options, isRestorable: false });
}
