import { BackendError } from "../../errors.ts";
import type { DeleteOptions, Options } from "../volume-backend.ts";
import { ArrayRefusedError } from "./array-errors.ts";
import { anyItem, type VolumeItem } from "./array-items.ts";
import type { ArrayPlace } from "./array-place.ts";
import { isAbsent } from "./array-refusals.ts";
import { changeVolume, renameById } from "./change-volume.ts";
import { lookById, type OurVolume } from "./own-volumes.ts";
import { untilKnown } from "./until-known.ts";
import { volumeInUse } from "./volume-errors.ts";

/** Takes a proven volume out of the way and destroys it; each step may have been done before, or by somebody else. */
export async function destroyVolume(
  place: ArrayPlace,
  { item }: OurVolume,
  options: DeleteOptions,
): Promise<void> {
  place.recentClones.forget(item.name);
  try {
    await releaseHosts(place, item, options);
    const name = tombName(place, item, options.isRestorable ?? false);
    if (name !== item.name) {
      const renamed = await renameById(place, item.id, name, options);
      if (renamed === null) {
        return;
      }
    }
    await destroy(place, item, options);
  } catch (error) {
    if (!(error instanceof ArrayRefusedError)) {
      throw error;
    }
    const now = await lookById(place.client, item.id, options);
    if (now !== null && !now.destroyed) {
      throw error;
    }
  }
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
  // What a host group gives to a writer, its administrator alone can take away.
  const others = connections.filter(
    ({ isWriter, isShared }) => !isWriter || isShared,
  );
  if (others.length > 0) {
    const name = await giveNameBack(place, item, item.name, options);
    throw volumeInUse(name, hostsOf(others), place.where);
  }
  if (connections.length > 0) {
    await place.hosts.releaseWriter(item.name, options);
  }
}

function hostsOf(
  connections: readonly { readonly hostName: string }[],
): string[] {
  return [...new Set(connections.map(({ hostName }) => hostName))];
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
    if (error instanceof ArrayRefusedError) {
      await refuseInUse(place, item, options);
    }
    throw error;
  }
}

/** Throws when a host was connected since the volume was looked at. */
async function refuseInUse(
  place: ArrayPlace,
  item: VolumeItem,
  options: Options,
): Promise<void> {
  const now = await lookById(place.client, item.id, options);
  if (now === null || now.destroyed || now.connection_count === 0) {
    return;
  }
  const hosts = await place.hosts.connectionsOf(now.name, options);
  if (hosts.length > 0) {
    const name = await giveNameBack(place, item, now.name, options);
    throw volumeInUse(name, hostsOf(hosts), place.where);
  }
}

/**
 * A volume that stays gets its own name again, since under that of a tomb nobody finds it; answers what it is called. The
 * tomb of an image-volume keeps its name: its own would offer it to be cloned.
 */
async function giveNameBack(
  place: ArrayPlace,
  { id, name }: VolumeItem,
  nameNow: string,
  options: Options,
): Promise<string> {
  const parsed = place.names.parse(name);
  const isUsers =
    parsed?.kind === "tomb" && place.names.parse(parsed.of)?.kind === "volume";
  const own = isUsers ? parsed.of : name;
  if (own === nameNow) {
    return own;
  }
  try {
    await renameById(place, id, own, options);
    return own;
  } catch (error) {
    if (!(error instanceof BackendError)) {
      throw error;
    }
    const fields = { volume: nameNow, name: own, error };
    place.logger.warn("volume in use did not get its name back", fields);
    return nameNow;
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
    if (!(error instanceof BackendError)) {
      throw error;
    }
    if (!isAbsent(error)) {
      const fields = { volume: item.name, message: error.message };
      logger.warn("eradication left to the array", fields);
    }
  }
}
