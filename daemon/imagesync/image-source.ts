import type { Access } from "../access.ts";
import type { Options } from "../backends/volume-backend.ts";
import type { ImageMeta, ImageReference } from "../image.ts";

/** The bytes of an image as they arrive, identity-encoded. Disposing it closes the connection. */
export interface ImageStream extends AsyncDisposable {
  /** What the response announced; null when it did not. */
  readonly lengthBytes: number | null;
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Where images come from. Errors: `ImageNotFound` (`IMAGE_NOT_FOUND`, also for what the caller may not see),
 * `IMAGE_FORBIDDEN`, `SOURCE_*` for what the transport did.
 */
export interface ImageSource {
  /** What the image is now, for this caller; asked on every request. */
  describe(
    reference: ImageReference,
    access: Access,
    options: Options,
  ): Promise<ImageMeta>;
  /** Starts to download it from the first byte. */
  open(
    image: ImageMeta,
    access: Access,
    options: Options,
  ): Promise<ImageStream>;
}
