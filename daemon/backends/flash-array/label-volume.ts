import type { BackendVolume, VolumeLabel } from "../volume-backend.ts";
import type { CallOptions } from "./array-client.ts";
import type { ArrayPlace } from "./array-place.ts";
import { writeTags } from "./change-volume.ts";
import { needOurs } from "./own-volumes.ts";
import { labelTags } from "./volume-tags.ts";

/** Tags a volume that is proven to be ours with whose it is, and with its serial, which a copy of it has not. */
export async function labelVolume(
  place: ArrayPlace,
  { providerId }: BackendVolume,
  label: VolumeLabel,
  options: CallOptions,
): Promise<void> {
  // A clone has been answered for just now. Tags go by the id, which no other volume ever has.
  const item =
    place.recentClones.take(providerId) ??
    (await needOurs(place, providerId, options)).item;
  const tags = labelTags(label, item.serial);
  await writeTags(place.client, item.id, tags, options);
}
