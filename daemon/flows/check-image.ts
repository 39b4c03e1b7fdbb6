import { ImageError, RequestError } from "../errors.ts";
import type { ImageMeta } from "../image.ts";
import { bytesPerGb, ceilGb } from "../volume.ts";

/**
 * Refuses what can be refused before a byte moves.
 *
 * @throws {ImageError} `IMAGE_NOT_ACTIVE`
 * @throws {RequestError} `SIZE_TOO_SMALL`
 */
export function checkImage(image: ImageMeta, sizeGb: number | null): void {
  if (image.status !== "active") {
    throw new ImageError(
      "IMAGE_NOT_ACTIVE",
      `image ${image.imageId} is ${image.status}; only active images can be used`,
      { scope: "request" },
    );
  }
  if (sizeGb === null) {
    return;
  }
  if (sizeGb < image.minDiskGb) {
    throw new RequestError(
      "SIZE_TOO_SMALL",
      `${sizeGb} GiB < ${image.minDiskGb} GiB (min_disk) of image ${image.imageId}; ask for at least ${image.minDiskGb} GiB`,
    );
  }
  const known =
    image.virtualSizeBytes ??
    (image.diskFormat === "raw" ? image.sizeBytes : null);
  if (known !== null) {
    checkFits(known, sizeGb, image.imageId);
  }
}

/** @throws {RequestError} `SIZE_TOO_SMALL` when the image's virtual size is larger than the volume is to be. */
export function checkFits(
  virtualSizeBytes: number,
  sizeGb: number | null,
  imageId: string,
): void {
  if (sizeGb !== null && virtualSizeBytes > sizeGb * bytesPerGb) {
    const needed = ceilGb(virtualSizeBytes);
    throw new RequestError(
      "SIZE_TOO_SMALL",
      `${sizeGb} GiB < ${needed} GiB (virtual size) of image ${imageId}; ask for at least ${needed} GiB`,
    );
  }
}

/** Size of the volume: as asked, else the smallest that holds the image and its `min_disk`. */
export function volumeSizeGb(
  virtualSizeBytes: number,
  sizeGb: number | null,
  image: ImageMeta,
): number {
  return sizeGb ?? Math.max(ceilGb(virtualSizeBytes), image.minDiskGb, 1);
}
