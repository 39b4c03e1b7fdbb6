import { ImageError, RequestError } from "../errors.ts";
import type { Checksum, ImageMeta } from "../image.ts";

/** Which checksums an image has to have. `off` ignores the source's own, never the one that a request gives. */
export interface ChecksumPolicy {
  readonly checksums: "require" | "prefer" | "off";
  /** Whether md5 and sha1 satisfy `require`. Glance's `checksum` is an md5. */
  readonly allowMd5: boolean;
}

const weak = new Set(["md5", "sha1"]);

/** What the source itself tells: the strongest of its checksums, unless policy ignores them. */
export function ownChecksums(
  image: ImageMeta,
  policy: ChecksumPolicy,
): readonly Checksum[] {
  return policy.checksums === "off" ? [] : image.checksums.slice(0, 1);
}

/** The checksums that a download of `image` is verified against, strongest first; throws where policy wants more. */
export function checksumsToVerify(
  image: ImageMeta,
  policy: ChecksumPolicy,
): readonly Checksum[] {
  const { reference } = image;
  const asked = reference.kind === "url" ? reference.checksum : null;
  const own = ownChecksums(image, policy);
  const wanted = asked === null ? own : [...own, asked];
  if (policy.checksums !== "require") {
    return wanted;
  }
  if (wanted.length === 0) {
    throw noChecksum(image);
  }
  if (!policy.allowMd5 && wanted.every((sum) => weak.has(sum.algorithm))) {
    throw new ImageError(
      "IMAGE_WEAK_CHECKSUM",
      `image ${image.imageId} has only a checksum of ${wanted[0]?.algorithm ?? "none"}; upload it again with os_hash_algo sha512, or set images.allowMd5`,
    );
  }
  return wanted;
}

function noChecksum(image: ImageMeta): Error {
  return image.reference.kind === "url"
    ? new RequestError(
        "IMAGE_NO_CHECKSUM",
        "image_url needs a checksum here: give checksum=sha256:<hex>",
      )
    : new ImageError(
        "IMAGE_NO_CHECKSUM",
        `image ${image.imageId} has no checksum; upload it again, or set images.checksumPolicy to prefer`,
      );
}
