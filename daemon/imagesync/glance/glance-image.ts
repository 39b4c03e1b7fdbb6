import { z } from "zod";
import { ImageSourceError } from "../../errors.ts";
import type { Checksum, ChecksumAlgorithm, ImageMeta } from "../../image.ts";

const bytes = z.number().int().nonnegative().nullish();
const word = z.string().nullish();

const glanceImage = z.object({
  id: z.string(),
  status: z.string(),
  name: word,
  size: bytes,
  virtual_size: bytes,
  min_disk: bytes,
  disk_format: word,
  container_format: word,
  checksum: word,
  os_hash_algo: word,
  os_hash_value: word,
  updated_at: word,
});

type GlanceImage = z.infer<typeof glanceImage>;

/** Hex digits of each algorithm that a Glance may name. */
const digits: Readonly<Record<ChecksumAlgorithm, number>> = {
  sha512: 128,
  sha384: 96,
  sha256: 64,
  sha1: 40,
  md5: 32,
};

/** The body of `GET /v2/images/{id}` as an image; `SOURCE_INVALID` when it is not one. */
export function glanceImageOf(
  body: string,
  imageId: string,
  where: string,
): ImageMeta {
  const image = parse(body, where);
  if (image.id.toLowerCase() !== imageId) {
    throw new ImageSourceError(
      "SOURCE_INVALID",
      `${where} answered with another image than ${imageId}`,
    );
  }
  return {
    reference: { kind: "glance", imageId },
    imageId,
    name: image.name ?? null,
    status: image.status,
    sizeBytes: image.size ?? null,
    virtualSizeBytes: image.virtual_size ?? null,
    minDiskGb: image.min_disk ?? 0,
    diskFormat: image.disk_format ?? "none",
    containerFormat: image.container_format ?? "none",
    checksums: checksumsOf(image),
    etag: null,
    updatedAt: image.updated_at ?? null,
  };
}

function parse(body: string, where: string): GlanceImage {
  try {
    return glanceImage.parse(JSON.parse(body));
  } catch (error) {
    throw new ImageSourceError(
      "SOURCE_INVALID",
      `${where} answered with something that is not a Glance image; check images.glanceUrl`,
      { cause: error },
    );
  }
}

function checksumsOf(image: GlanceImage): readonly Checksum[] {
  const named = [
    checksumOf(image.os_hash_algo, image.os_hash_value),
    checksumOf("md5", image.checksum),
  ].filter((sum) => sum !== null);
  return named.toSorted(
    (one, other) => digits[other.algorithm] - digits[one.algorithm],
  );
}

function checksumOf(
  name: string | null | undefined,
  hex: string | null | undefined,
): Checksum | null {
  const algorithm = (name ?? "").toLowerCase();
  const value = (hex ?? "").toLowerCase();
  return isKnown(algorithm) &&
    value.length === digits[algorithm] &&
    /^[0-9a-f]+$/.test(value)
    ? { algorithm, value }
    : null;
}

function isKnown(algorithm: string): algorithm is ChecksumAlgorithm {
  return Object.hasOwn(digits, algorithm);
}
