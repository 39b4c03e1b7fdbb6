import type {
  CacheEntry,
  EntryState,
  EvictReason,
} from "../cache/cache-entry.ts";

/** The entry that a hash holds; null when there is none. */
export function entryOf(
  key: string,
  fields: Readonly<Record<string, string>>,
): CacheEntry | null {
  const { state, content } = fields as { state?: string; content?: string };
  if (state === undefined || content === undefined) {
    return null;
  }
  const aliases = fields["aliases"] ?? "";
  const virtualSize = fields["virtual_size"];
  return {
    key,
    content,
    state: state as EntryState,
    imageVolumeId:
      state === "filling" ? null : (fields["image_volume_id"] ?? null),
    providerId: fields["provider_id"] ?? null,
    sizeGb: Number(fields["size_gb"]),
    virtualSizeBytes: virtualSize === undefined ? null : Number(virtualSize),
    imageId: fields["image_id"] ?? "",
    aliases: aliases === "" ? [] : aliases.split("\n"),
    createdAtMs: Number(fields["created"]),
    usedAtMs: Number(fields["used"]),
    hits: Number(fields["hits"]),
    fillId: fields["fill_id"] ?? "",
    evictReason: (fields["reason"] as EvictReason | undefined) ?? null,
  };
}
