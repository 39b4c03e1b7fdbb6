import { createHash, type Hash } from "node:crypto";
import { ImageError, ImageSourceError } from "../errors.ts";
import type { Checksum } from "../image.ts";

/** What the bytes of an image have to be. */
export interface ExpectedBytes {
  readonly imageId: string;
  /** Null: not known, so any length is right. */
  readonly sizeBytes: number | null;
  /** Strongest first. */
  readonly checksums: readonly Checksum[];
}

/** Counts and hashes an image's bytes as they pass by, and says in the end whether they are the right ones. */
export class StreamVerifier {
  readonly #expected: ExpectedBytes;
  readonly #hashes: readonly { readonly sum: Checksum; readonly hash: Hash }[];
  #bytes = 0;

  constructor(expected: ExpectedBytes) {
    this.#expected = expected;
    this.#hashes = expected.checksums.map((sum) => ({
      sum,
      hash: createHash(sum.algorithm),
    }));
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the next bytes; throws `IMAGE_TOO_LONG` at the first one too many. */
  update(bytes: Uint8Array): void {
    const { imageId, sizeBytes } = this.#expected;
    this.#bytes += bytes.length;
    if (sizeBytes !== null && this.#bytes > sizeBytes) {
      throw new ImageError(
        "IMAGE_TOO_LONG",
        `image ${imageId} should have ${sizeBytes} bytes, but its source sends more`,
      );
    }
    for (const { hash } of this.#hashes) {
      hash.update(bytes);
    }
  }

  /** The strongest checksum that was verified, as `<algorithm>:<hex>`; null where none was expected. */
  finish(): string | null {
    const { imageId, sizeBytes } = this.#expected;
    if (sizeBytes !== null && this.#bytes < sizeBytes) {
      // A body without a length that is cut off looks like one that ended, so another try may be whole.
      throw new ImageSourceError(
        "IMAGE_TRUNCATED",
        `image ${imageId} ended after ${this.#bytes} of ${sizeBytes} bytes`,
      );
    }
    for (const { sum, hash } of this.#hashes) {
      const got = hash.digest("hex");
      if (got !== sum.value) {
        throw new ImageError(
          "IMAGE_CORRUPT",
          `image ${imageId} has ${sum.algorithm} ${got}, expected ${sum.value}; upload it again or correct its checksum`,
        );
      }
    }
    const [strongest] = this.#expected.checksums;
    return strongest === undefined
      ? null
      : `${strongest.algorithm}:${strongest.value}`;
  }
}
