import { createHash } from "node:crypto";

/** Algorithms a checksum may have; md5 counts as weak. */
export const checksumAlgorithms = [
  "sha512",
  "sha384",
  "sha256",
  "sha1",
  "md5",
] as const;

/** One of {@link checksumAlgorithms}. */
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

/** A hash over the image's bytes as they are downloaded; `value` is lower-case hex. */
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: string;
}

/** Formats a request may name; which of them are accepted is the format inspector's decision. */
export type DiskFormat = string;

/** What a request names: an image of the image service, or a plain URL. */
export type ImageReference =
  | { readonly kind: "glance"; readonly imageId: string }
  | {
      readonly kind: "url";
      readonly url: string;
      readonly diskFormat: DiskFormat;
      readonly checksum: Checksum | null;
    };

/** An image as its source describes it now. Sizes are bytes; `sizeBytes` is what goes over the wire. */
export interface ImageMeta {
  readonly reference: ImageReference;
  /** The Glance id; for a URL `url:<sha256 of format and URL>`. Also the cache's alias. */
  readonly imageId: string;
  readonly name: string | null;
  readonly status: string;
  readonly sizeBytes: number | null;
  readonly virtualSizeBytes: number | null;
  readonly minDiskGb: number;
  readonly diskFormat: DiskFormat;
  readonly containerFormat: string;
  /** Of the source itself; strongest first. A URL has none. */
  readonly checksums: readonly Checksum[];
  /** Strong ETag of a URL, without quotes. */
  readonly etag: string | null;
  readonly updatedAt: string | null;
}

/** How a cached image-volume is told from a changed image: by the source's hash, or Cinder's way by `updated_at`. */
export type Freshness = "content" | "updated_at";

const strongAlgorithms = new Set<ChecksumAlgorithm>([
  "sha512",
  "sha384",
  "sha256",
]);

/**
 * Identity of an image's bytes and of how they are read (docs/architecture.md: content), or `null` when the source tells nothing
 * that would change with the bytes: such an image is never cached.
 */
export function contentOf(
  image: ImageMeta,
  freshness: Freshness,
): string | null {
  const bytes =
    freshness === "updated_at"
      ? timestampIdentity(image)
      : (hashIdentity(image) ?? timestampIdentity(image));
  return bytes === null ? null : `${bytes}/${image.diskFormat}`;
}

function hashIdentity(image: ImageMeta): string | null {
  const strong = image.checksums.find((sum) =>
    strongAlgorithms.has(sum.algorithm),
  );
  if (strong !== undefined) {
    return `${strong.algorithm}:${strong.value}`;
  }
  const md5 = image.checksums.find((sum) => sum.algorithm === "md5");
  if (md5 !== undefined) {
    return `md5:${md5.value}:${image.sizeBytes ?? "?"}@${image.imageId}`;
  }
  if (image.reference.kind === "url" && image.etag !== null) {
    return `${image.imageId}:${image.etag}:${image.sizeBytes ?? "?"}`;
  }
  return null;
}

function timestampIdentity(image: ImageMeta): string | null {
  return image.updatedAt === null
    ? null
    : `${image.imageId}@${image.updatedAt}`;
}

/** Key of a cache entry: the first 32 hex digits of the content's sha256. */
export function contentKey(content: string): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 32);
}

/** The `imageId` of a URL. The format belongs to it: read in another way, the same bytes are another image. */
export function urlImageId(url: string, diskFormat: DiskFormat): string {
  const hash = createHash("sha256").update(`${diskFormat} ${url}`);
  return `url:${hash.digest("hex")}`;
}

/** The `imageId` of what a request names, before its source was asked. */
export function imageIdOf(reference: ImageReference): string {
  return reference.kind === "glance"
    ? reference.imageId
    : urlImageId(reference.url, reference.diskFormat);
}
