import type { CallOptions } from "./array-client.ts";
import { volumeItem } from "./array-items.ts";
import type { ArrayPlace } from "./array-place.ts";
import { type OurVolume, proven } from "./own-volumes.ts";

/** What deletions of volumes of these names have left half-way: renamed, and not destroyed. */
export async function liveTombs(
  place: ArrayPlace,
  names: readonly string[],
  options: CallOptions,
): Promise<OurVolume[]> {
  const filter = names
    .flatMap((name) => [`name='${name}-x*'`, `name='${name}-r*'`])
    .join(" or ");
  const query = { filter, destroyed: false };
  const items = await place.client.list("volumes", query, volumeItem, options);
  const found: OurVolume[] = [];
  for (const item of items) {
    const parsed = place.names.parse(item.name);
    if (parsed?.kind === "tomb" && names.includes(parsed.of)) {
      const ours = await proven(place, item, options);
      if (ours !== null) {
        found.push(ours);
      }
    }
  }
  return found;
}
