import type {
  BackendVolume,
  ConnectionInfo,
  Connector,
  IscsiTarget,
  Options,
} from "../volume-backend.ts";
import type { ArrayPlace } from "./array-place.ts";
import { liveTombs } from "./live-tombs.ts";
import {
  findOurs,
  needOurs,
  ownedVolume,
  physicalNames,
} from "./own-volumes.ts";
import { volumeSealed } from "./volume-errors.ts";

/** Lets this daemon write a volume that is proven to be ours. */
export async function openForWriting(
  place: ArrayPlace,
  { providerId }: BackendVolume,
  options: Options,
): Promise<IscsiTarget> {
  const { item } = await needOurs(place, providerId, options);
  const parsed = place.names.parse(item.name);
  if (parsed?.kind === "image-volume" && parsed.isSealed) {
    throw volumeSealed(item.name, place.where);
  }
  const { name: physicalName, serial, provisioned: sizeBytes } = item;
  const target = { physicalName, serial, sizeBytes };
  return await place.hosts.openTarget(target, options);
}

/** Lets a host reach a volume that is proven to be ours. */
export async function connectVolume(
  place: ArrayPlace,
  { providerId }: BackendVolume,
  connector: Connector,
  options: Options,
): Promise<ConnectionInfo> {
  const found = await needOurs(place, providerId, options);
  const reached = {
    physicalName: found.item.name,
    serial: found.item.serial,
    // A volume that was never finished has no id yet.
    volumeId: ownedVolume(place, found)?.volumeId ?? providerId,
  };
  return await place.hosts.initialize(reached, connector, options);
}

/** Undoes it, for one host or all; what is not there is not connected, but for what a deletion has left half-way. */
export async function disconnectVolume(
  place: ArrayPlace,
  { providerId }: BackendVolume,
  connector: Connector | null,
  options: Options,
): Promise<void> {
  const found = await findOurs(place, providerId, options);
  const parsed = place.names.parse(providerId);
  const reached =
    found !== null || parsed === null
      ? [found].filter((each) => each !== null)
      : await liveTombs(place, physicalNames(providerId, parsed), options);
  for (const { item } of reached) {
    await place.hosts.terminate(item.name, connector, options);
  }
}
