import { BackendError } from "../../errors.ts";
import type { Options } from "../volume-backend.ts";
import type { ArrayClient } from "./array-client.ts";
import { writeTags } from "./change-volume.ts";
import { suffixTag, volumeSuffixTag } from "./volume-tags.ts";

/** A marker volume as it was read. */
export interface ReadMarker {
  readonly id: string;
  /** Null: an older one, that does not say. */
  readonly suffix: string | null;
}

/** How users' volumes are to be named. */
interface SuffixPlace {
  readonly where: string;
  readonly marker: string;
  readonly volumeSuffix: string;
}

/**
 * Whoever ends names in another way takes all users' volumes for gone.
 *
 * @throws {BackendError} `BACKEND_CONFLICT`
 */
export function checkSuffix(
  { where, marker, volumeSuffix }: SuffixPlace,
  { suffix }: ReadMarker,
): void {
  if (suffix !== null && suffix !== volumeSuffix) {
    throw new BackendError(
      "BACKEND_CONFLICT",
      `volumes of this cache on ${where} have the suffix "${suffix}" (tag ${volumeSuffixTag} of ${marker}), but "${volumeSuffix}" is set, with which none of them would be found; set volume_name_suffix to "${suffix}", or start anew with another prefix`,
      { retry: "never" },
    );
  }
}

/** Writes the suffix where the marker does not say one yet, and checks it where it does. */
export async function keepSuffix(
  place: SuffixPlace & { readonly client: ArrayClient },
  read: ReadMarker,
  options: Options,
): Promise<void> {
  checkSuffix(place, read);
  if (read.suffix === null) {
    const tags = [suffixTag(place.volumeSuffix)];
    await writeTags(place.client, read.id, tags, options);
  }
}
