import type {
  BackendVolume,
  Options,
  Restorable,
  Seal,
} from "../volume-backend.ts";
import { type VolumeItem, volumeItem } from "./array-items.ts";
import type { ArrayPlace } from "./array-place.ts";
import { isTaken } from "./array-refusals.ts";
import { changeNamed, renameNamed } from "./change-volume.ts";
import { isOurs, lookAt, proven, readTags } from "./own-volumes.ts";
import { volumeExists, volumeNotOurs } from "./volume-errors.ts";
import { sealOf } from "./volume-tags.ts";

const undoMs = 15_000;

/** A sealed image-volume that was evicted. */
interface Evicted {
  readonly item: VolumeItem;
  readonly isRestorable: boolean;
  readonly seal: Seal;
}

/**
 * The image-volume of this entry that was evicted last; null when that one was evicted for good. One that is not even
 * destroyed is the newest: its eviction, or its restoration, was cut in two.
 */
export async function findRestorable(
  place: ArrayPlace,
  entryKey: string,
  options: Options,
): Promise<Restorable | null> {
  const items = await place.client.list(
    "volumes",
    { filter: place.names.ofEntry(entryKey) },
    volumeItem,
    options,
  );
  const isTomb = ({ name }: VolumeItem) =>
    place.names.parse(name)?.kind === "tomb";
  const tombs = items.filter(isTomb);
  const evicted = [
    ...(await sealedAmong(place, tombs, false, options)),
    ...(await sealedAmong(place, tombs, true, options)),
  ].filter(({ seal }) => seal.entryKey === entryKey);
  const [newest] = evicted.toSorted(
    (one, other) => remainingMs(other) - remainingMs(one),
  );
  return newest?.isRestorable === true
    ? {
        providerId: newest.item.name,
        sizeBytes: newest.item.provisioned,
        seal: newest.seal,
      }
    : null;
}

async function sealedAmong(
  place: ArrayPlace,
  tombs: readonly VolumeItem[],
  isDestroyed: boolean,
  options: Options,
): Promise<Evicted[]> {
  const items = tombs.filter(({ destroyed }) => destroyed === isDestroyed);
  if (items.length === 0) {
    return [];
  }
  const tagsOf = await readTags(place.client, items, options);
  return items.flatMap((item) => {
    const tags = tagsOf.get(item.id) ?? new Map();
    const seal = isOurs(place, item, tags) ? sealOf(tags, item.serial) : null;
    const parsed = place.names.parse(item.name);
    return seal !== null && parsed?.kind === "tomb"
      ? [{ item, seal, isRestorable: parsed.isRestorable }]
      : [];
  });
}

/** The more, the later it was destroyed; most for what is not. */
function remainingMs({ item }: Evicted): number {
  return item.destroyed ? (item.time_remaining ?? 0) : Number.MAX_SAFE_INTEGER;
}

/** Recovers an image-volume and gives it the name of an unsealed one; null when it was eradicated or taken meanwhile. */
export async function restoreVolume(
  place: ArrayPlace,
  restorable: Restorable,
  name: string,
  options: Options,
): Promise<BackendVolume | null> {
  const { client, names, where } = place;
  const tomb = names.parse(restorable.providerId);
  const wanted = names.parse(name);
  if (tomb?.kind !== "tomb" || wanted?.kind !== "image-volume") {
    throw volumeNotOurs(restorable.providerId, where);
  }
  const item =
    (await lookAt(client, restorable.providerId, options)) ??
    (await lookAt(client, wanted.tmp, options));
  if (
    item === null ||
    !item.serial.toLowerCase().endsWith(tomb.serialEnd) ||
    (await proven(place, item, options)) === null
  ) {
    return null;
  }
  const restored =
    item.name === wanted.tmp && !item.destroyed
      ? item
      : await bringBack(place, item, wanted.tmp, options);
  return restored === null
    ? null
    : { providerId: wanted.name, sizeBytes: restored.provisioned };
}

/** Both steps are for the tomb by its name: whoever takes it out first has it. */
async function bringBack(
  place: ArrayPlace,
  tomb: VolumeItem,
  tmp: string,
  options: Options,
): Promise<VolumeItem | null> {
  const recover = {
    body: { destroyed: false },
    isDone: (each: VolumeItem) => !each.destroyed && each.name === tomb.name,
  };
  try {
    const live = tomb.destroyed
      ? await changeNamed(place.client, tomb, recover, options)
      : tomb;
    if (live === null || live.name === tmp) {
      return live;
    }
    return await takeName(place, live, tmp, options);
  } catch (error) {
    await buryAgain(place, tomb);
    throw error;
  }
}

async function takeName(
  place: ArrayPlace,
  item: VolumeItem,
  tmp: string,
  options: Options,
): Promise<VolumeItem | null> {
  try {
    return await renameNamed(place, item, tmp, options);
  } catch (error) {
    const taken = isTaken(error)
      ? await lookAt(place.client, tmp, options)
      : null;
    throw taken === null ? error : volumeExists(taken, place.where);
  }
}

/** What could not be restored waits in the trash again, where it is still restorable and nobody has to count it. */
async function buryAgain(
  { client, names, logger }: ArrayPlace,
  tomb: VolumeItem,
): Promise<void> {
  if (names.parse(tomb.name)?.kind !== "tomb") {
    return;
  }
  const change = {
    body: { destroyed: true },
    isDone: (each: VolumeItem) => each.destroyed,
  };
  try {
    // The caller may be gone, but waits.
    const options = { signal: AbortSignal.timeout(undoMs) };
    await changeNamed(client, tomb, change, options);
  } catch (error) {
    const fields = { volume: tomb.name, error };
    logger.warn("evicted image-volume may be live again", fields);
  }
}
