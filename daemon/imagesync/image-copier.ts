import type { Access } from "../access.ts";
import type { Options, WriteTarget } from "../backends/volume-backend.ts";
import type { ChecksumAlgorithm, ImageMeta } from "../image.ts";
import type { Progress } from "../volume.ts";

/** What a copy did. */
export interface CopyResult {
  /** Bytes that crossed the wire. */
  readonly bytesDownloaded: number;
  /** `<algorithm>:<hex>` that was verified; null when the source gave none and policy allowed that. */
  readonly checksum: string | null;
  readonly downloadMs: number;
  readonly convertMs: number;
}

/** An image whose header was read and found safe; the download has begun and waits. */
export interface OpenedImage extends AsyncDisposable {
  /** Bytes of the raw volume, from the image's own header. */
  readonly virtualSizeBytes: number;
  /**
   * Writes the whole image, raw, into `target`, and verifies it on the way: length, hash, format. On return every byte
   * is written; flushing is the target's and the seal's. May be called once. Throws an `ImageError` for a bad image.
   */
  copyTo(
    target: WriteTarget,
    onProgress: (progress: Progress) => void,
    options: Options,
  ): Promise<CopyResult>;
}

/** How an image is opened. */
export interface OpenOptions extends Options {
  /** Set for a fill: a hash to compute where the source tells none; no checksum is demanded then. */
  readonly recordChecksum?: ChecksumAlgorithm | null;
}

/** Copies images into volumes. */
export interface ImageCopier {
  /** Throws for what can be refused by the description alone: format, container, a checksum that policy demands. */
  check(image: ImageMeta): void;
  /** Starts the download, reads and inspects the header. */
  open(
    image: ImageMeta,
    access: Access,
    options: OpenOptions,
  ): Promise<OpenedImage>;
}
