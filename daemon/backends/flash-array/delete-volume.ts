import type { DeleteOptions, Options } from "../volume-backend.ts";
import { ArrayRefusedError } from "./array-errors.ts";
import { anyItem, type VolumeItem, volumeItem } from "./array-items.ts";
import type { ArrayPlace } from "./array-place.ts";
import { isAbsent } from "./array-refusals.ts";
import { changeVolume, renameById } from "./change-volume.ts";
import {
  confirmedAbsent,
  lookAt,
  lookById,
  type OurVolume,
  physicalNames,
  proven,
} from "./own-volumes.ts";
import { untilKnown } from "./until-known.ts";
import { volumeInUse, volumeNotOurs } from "./volume-errors.ts";

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
  for (const name of names) {
    const item = await lookAt(place.client, name, options);
    if (item !== null && !item.destroyed) {
      const ours = await proven(place, item, options);
      if (ours === null) {
        throw volumeNotOurs(name, place.where);
      }
      await destroyVolume(place, ours, options);
      return;
    }
  }
  await confirmedAbsent(place, options);
  if (parsed.kind !== "tomb") {
    await destroyLiveTombs(place, names, options);
  }
}

/** Takes a proven volume out of the way and destroys it; each step may have been done before. */
export async function destroyVolume(
  place: ArrayPlace,
  { item }: OurVolume,
  options: DeleteOptions,
): Promise<void> {
  await releaseHosts(place, item, options);
  const name = tombName(place, item, options.isRestorable ?? false);
  if (name !== item.name) {
    const renamed = await renameById(place, item.id, name, options);
    if (renamed === null) {
      return;
    }
  }
  await destroy(place, item, options);
  if (place.rules.isEradicating) {
    await eradicate(place, item, options);
  }
}

/** Under which name it waits for its eradication. What is evicted for good stays so. */
function tombName(
  { names }: ArrayPlace,
  item: VolumeItem,
  isRestorable: boolean,
): string {
  const parsed = names.parse(item.name);
  if (parsed?.kind === "tomb") {
    return parsed.isRestorable && !isRestorable
      ? names.tombOf(parsed.of, item.serial, false)
      : item.name;
  }
  const isSealed = parsed?.kind === "image-volume" && parsed.isSealed;
  return names.tombOf(item.name, item.serial, isSealed && isRestorable);
}

async function releaseHosts(
  place: ArrayPlace,
  item: VolumeItem,
  options: Options,
): Promise<void> {
  if (item.connection_count === 0) {
    return;
  }
  const connections = await place.hosts.connectionsOf(item.name, options);
  const others = connections.filter(({ isWriter }) => !isWriter);
  if (others.length > 0) {
    const hosts = others.map(({ hostName }) => hostName);
    throw volumeInUse(item.name, hosts, place.where);
  }
  if (connections.length > 0) {
    await place.hosts.releaseWriter(item.name, options);
  }
}

async function destroy(
  place: ArrayPlace,
  item: VolumeItem,
  options: Options,
): Promise<void> {
  try {
    await changeVolume(
      place.client,
      item.id,
      { body: { destroyed: true }, isDone: (each) => each.destroyed },
      options,
    );
  } catch (error) {
    // Connected since it was looked at.
    const now =
      error instanceof ArrayRefusedError
        ? await lookById(place.client, item.id, options)
        : null;
    if (now !== null && now.connection_count !== 0) {
      const hosts = await place.hosts.connectionsOf(now.name, options);
      const names = hosts.map(({ hostName }) => hostName);
      throw volumeInUse(now.name, names, place.where);
    }
    throw error;
  }
}

/** The end of a deletion where it is wanted. Whatever forbids it, the array itself eradicates in time: destroyed is done. */
async function eradicate(
  { client, logger }: ArrayPlace,
  item: VolumeItem,
  options: Options,
): Promise<void> {
  const send = async () => {
    await client.write(
      { method: "DELETE", path: "volumes", query: { ids: [item.id] } },
      anyItem,
      options,
    );
    return true;
  };
  try {
    await untilKnown(send, async () =>
      (await lookById(client, item.id, options)) === null ? true : null,
    );
  } catch (error) {
    if (!(error instanceof ArrayRefusedError)) {
      throw error;
    }
    const { message } = error;
    if (!isAbsent(error)) {
      const fields = { volume: item.name, message };
      logger.debug("eradication left to the array", fields);
    }
  }
}

async function destroyLiveTombs(
  place: ArrayPlace,
  names: readonly string[],
  options: DeleteOptions,
): Promise<void> {
  const filter = names
    .flatMap((name) => [`name='${name}-x*'`, `name='${name}-r*'`])
    .join(" or ");
  const query = { filter, destroyed: false };
  const items = await place.client.list("volumes", query, volumeItem, options);
  for (const item of items) {
    const parsed = place.names.parse(item.name);
    if (parsed?.kind === "tomb" && names.includes(parsed.of)) {
      const ours = await proven(place, item, options);
      if (ours !== null) {
        await destroyVolume(place, ours, options);
      }
    }
  }
}
