import type { BackendVolume, Options } from "../volume-backend.ts";
import { ArrayRefusedError } from "./array-errors.ts";
import type { VolumeItem } from "./array-items.ts";
import type { ArrayPlace } from "./array-place.ts";
import { changeVolume } from "./change-volume.ts";
import { needOurs } from "./own-volumes.ts";
import { volumeMissing } from "./volume-errors.ts";
import { volumeSize } from "./volume-size.ts";

/**
 * Grows a volume to at least `sizeBytes`; one request when it was just cloned, and none when it is large enough. `truncate`
 * is never sent, so that an array refuses what would shrink.
 */
export async function growVolume(
  place: ArrayPlace,
  volume: BackendVolume,
  sizeBytes: number,
  options: Options,
): Promise<BackendVolume> {
  const { providerId } = volume;
  const provisioned = volumeSize(sizeBytes);
  if (volume.sizeBytes >= provisioned) {
    return volume;
  }
  // A clone has been answered for just now.
  const item =
    place.recentClones.peek(providerId) ??
    (await needOurs(place, providerId, options)).item;
  try {
    const size = await growById(place, item, provisioned, options);
    return { providerId, sizeBytes: size };
  } catch (error) {
    place.recentClones.forget(providerId);
    throw error;
  }
}

/** Grows the volume of this id and tells its size then. */
export async function growById(
  { client, where }: ArrayPlace,
  volume: {
    readonly id: string;
    readonly name: string;
    readonly provisioned: number;
  },
  provisioned: number,
  options: Options,
): Promise<number> {
  if (volume.provisioned >= provisioned) {
    return volume.provisioned;
  }
  const change = {
    body: { provisioned },
    isDone: (each: VolumeItem) =>
      !each.destroyed && each.provisioned >= provisioned,
  };
  try {
    const item = await changeVolume(client, volume.id, change, options);
    if (item === null) {
      throw volumeMissing(volume.name, where);
    }
    return item.provisioned;
  } catch (error) {
    throw error instanceof ArrayRefusedError && error.says("been destroyed")
      ? volumeMissing(volume.name, where)
      : error;
  }
}
