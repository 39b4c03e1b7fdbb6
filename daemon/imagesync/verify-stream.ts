import { createHash, type Hash } from "node:crypto";
import { ImageError, ImageSourceError } from "../errors.ts";
import type { Checksum, ChecksumAlgorithm } from "../image.ts";

/** What the bytes of an image have to be. */
export interface ExpectedBytes {
  readonly imageId: string;
  /** Null: not known, so any length is right. */
  readonly sizeBytes: number | null;
  /** Strongest first. */
  readonly checksums: readonly Checksum[];
  /** A hash to compute where none is expected. */
  readonly record?: ChecksumAlgorithm | null;
}

/** Counts and hashes an image's bytes as they pass by, and says in the end whether they are the right ones. */
export class StreamVerifier {
  readonly #expected: ExpectedBytes;
  readonly #hashes: readonly { readonly sum: Checksum; readonly hash: Hash }[];
  readonly #recorded: {
    readonly algorithm: string;
    readonly hash: Hash;
  } | null;
  #bytes = 0;

  constructor(expected: ExpectedBytes) {
    this.#expected = expected;
    this.#hashes = expected.checksums.map((sum) => ({
      sum,
      hash: createHash(sum.algorithm),
    }));
    const { checksums, record = null } = expected;
    this.#recorded =
      record === null || checksums.length > 0
        ? null
        : { algorithm: record, hash: createHash(record) };
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
    this.#recorded?.hash.update(bytes);
  }

  /** The strongest checksum that was verified, else the recorded one, as `<algorithm>:<hex>`; null where there is none. */
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
    if (strongest !== undefined) {
      return `${strongest.algorithm}:${strongest.value}`;
    }
    return this.#recorded === null
      ? null
      : `${this.#recorded.algorithm}:${this.#recorded.hash.digest("hex")}`;
  }
}
