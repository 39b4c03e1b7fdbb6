import { BackendError } from "../../errors.ts";
import type { BackendVolume, NewVolume, Options } from "../volume-backend.ts";
import { UnknownOutcomeError } from "./array-errors.ts";
import { type VolumeItem, volumeItem } from "./array-items.ts";
import { type ArrayPlace, creationOf } from "./array-place.ts";
import { isAbsent, isTaken } from "./array-refusals.ts";
import { writeTags } from "./change-volume.ts";
import { destroyVolume } from "./destroy-volume.ts";
import { confirmedAbsent, lookAt, oursOrNone, proven } from "./own-volumes.ts";
import { untilKnown } from "./until-known.ts";
import {
  volumeExists,
  volumeFinished,
  volumeMissing,
  volumeNotOurs,
  volumeNotSealed,
} from "./volume-errors.ts";
import { createdTags, serialTag } from "./volume-tags.ts";

/** An image-volume as a source. */
interface Source {
  readonly img: string;
  readonly tmp: string;
}

/**
 * Makes a volume a clone of a sealed image-volume with one request, and without a look before: only sealed ones have
 * the name that it is made from.
 */
export async function cloneVolume(
  place: ArrayPlace,
  from: BackendVolume,
  volume: NewVolume,
  options: Options,
): Promise<BackendVolume> {
  const source = place.names.parse(from.providerId);
  const target = place.names.parse(volume.name);
  if (source?.kind !== "image-volume") {
    throw volumeNotOurs(from.providerId, place.where);
  }
  if (target?.kind !== "volume" && target?.kind !== "attempt") {
    throw volumeNotOurs(volume.name, place.where);
  }
  const item = await makeClone(place, source, volume, options);
  if (target.kind === "volume") {
    place.recentClones.remember(item);
  }
  if (item.provisioned < from.sizeBytes) {
    await removeShort(place, item, options);
    throw volumeNotSealed(
      `${source.img}, of ${item.provisioned} instead of ${from.sizeBytes} bytes,`,
      place.where,
    );
  }
  if (target.kind === "attempt") {
    const tags = createdTags(
      volume.role,
      volume.volumeId,
      place.names.leafOf(volume.name),
    );
    await writeTags(place.client, item.id, tags, options);
  }
  return { providerId: volume.name, sizeBytes: item.provisioned };
}

async function makeClone(
  place: ArrayPlace,
  source: Source,
  volume: NewVolume,
  options: Options,
): Promise<VolumeItem> {
  try {
    return await untilKnown(
      async () => await post(place, source, volume, options),
      async () => await existing(place, source, volume.name, options),
    );
  } catch (error) {
    if (!isTaken(error) && !isAbsent(error)) {
      throw error;
    }
    return await afterRefusal(place, source, volume.name, error, options);
  }
}

async function post(
  place: ArrayPlace,
  { img }: Source,
  { name, role }: NewVolume,
  options: Options,
): Promise<VolumeItem> {
  const { query, body } = creationOf(place, role);
  const [item] = await place.client.write(
    {
      method: "POST",
      path: "volumes",
      query: { names: [name], ...query },
      body: { source: { name: img }, ...body },
    },
    volumeItem,
    options,
  );
  if (item === undefined) {
    throw new UnknownOutcomeError(`POST of volume ${name}`);
  }
  const isAsked =
    item.name === name &&
    !item.destroyed &&
    (item.source.name ?? img).toLowerCase() === img.toLowerCase();
  if (!isAsked) {
    throw new BackendError(
      "BACKEND_IO",
      `${place.where} was asked for ${name} as a clone of ${img}, and answered with ${item.name} as a clone of ${item.source.name ?? "nothing"}; nothing more was done with it`,
    );
  }
  return item;
}

/**
 * The clone, when it is there and is what would be made now; null when there is nothing. What is labelled was given to
 * somebody, and what is connected is used: that is never taken for new.
 */
async function existing(
  place: ArrayPlace,
  { img }: Source,
  name: string,
  options: Options,
): Promise<VolumeItem | null> {
  const ours = await oursOrNone(place, name, options);
  if (ours === null) {
    return null;
  }
  const sourceName = ours.item.source.name ?? "";
  const parsed = place.names.parse(sourceName);
  // Evicted meanwhile, the image-volume has the name of a tomb.
  const isSame =
    sourceName === img || (parsed?.kind === "tomb" && parsed.of === img);
  if (!isSame) {
    throw volumeExists(ours.item, place.where);
  }
  const isUsed =
    ours.tags.has(serialTag) || (ours.item.connection_count ?? 0) > 0;
  if (isUsed) {
    throw volumeFinished(ours.item, place.where);
  }
  return ours.item;
}

async function afterRefusal(
  place: ArrayPlace,
  source: Source,
  name: string,
  error: unknown,
  options: Options,
): Promise<VolumeItem> {
  const adopted = await existing(place, source, name, options);
  if (adopted !== null) {
    return adopted;
  }
  const from = await lookAt(place.client, source.img, options);
  if (from !== null && !from.destroyed) {
    throw error;
  }
  await confirmedAbsent(place, options);
  const unsealed = await lookAt(place.client, source.tmp, options);
  throw unsealed !== null && !unsealed.destroyed
    ? volumeNotSealed(source.img, place.where)
    : volumeMissing(source.img, place.where);
}

async function removeShort(
  place: ArrayPlace,
  item: VolumeItem,
  options: Options,
): Promise<void> {
  const ours = await proven(place, item, options);
  if (ours !== null) {
    await destroyVolume(place, ours, { ...options, isRestorable: false });
  }
}
