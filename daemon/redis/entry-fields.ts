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
  // An empty field is kept for an absent one.
  const text = (name: string) => fields[name] || null;
  const size = text("virtual_size");
  return {
    key,
    content,
    state: state as EntryState,
    imageVolumeId: state === "filling" ? null : text("image_volume_id"),
    providerId: text("provider_id"),
    sizeGb: Number(fields["size_gb"]),
    virtualSizeBytes: size === null ? null : Number(size),
    imageId: fields["image_id"] ?? "",
    aliases: text("aliases")?.split("\n") ?? [],
    createdAtMs: Number(fields["created"]),
    usedAtMs: Number(fields["used"]),
    hits: Number(fields["hits"]),
    fillId: fields["fill_id"] ?? "",
    evictReason: text("reason") as EvictReason | null,
    checksum: text("checksum"),
    bytesDownloaded: Number(fields["downloaded"] ?? 0),
    isRestored: fields["restored"] === "1",
  };
}
