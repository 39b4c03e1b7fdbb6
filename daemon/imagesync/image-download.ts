import type { Access } from "../access.ts";
import type { Options } from "../backends/volume-backend.ts";
import { ImageError, ImageSourceError } from "../errors.ts";
import type { Checksum, ChecksumAlgorithm, ImageMeta } from "../image.ts";
import { type Block, BlockReader } from "./block-reader.ts";
import {
  type InspectedHeader,
  inspectHeader,
} from "./format-inspector/inspect-header.ts";
import type { ImageSource, ImageStream } from "./image-source.ts";
import { pause } from "./pause.ts";
import { StreamVerifier } from "./verify-stream.ts";

/** One image to be downloaded, and how. */
export interface DownloadPlan {
  readonly source: ImageSource;
  readonly image: ImageMeta;
  readonly access: Access;
  readonly checksums: readonly Checksum[];
  /** A hash to compute beside them. */
  readonly record: ChecksumAlgorithm | null;
  readonly maxVirtualSizeBytes: number;
  /** Further downloads after one that the transport broke off. */
  readonly retries: number;
  readonly retryDelayMs: number;
}

/** A download that has begun: its first block was read and inspected, and waits in `first`. */
export class ImageDownload implements AsyncDisposable {
  readonly header: InspectedHeader;
  /** Bytes of the file; null when nobody tells. */
  readonly sizeBytes: number | null;
  readonly #stream: ImageStream;
  readonly #reader: BlockReader;
  readonly #verifier: StreamVerifier;
  #first: Block | null;

  private constructor(
    stream: ImageStream,
    reader: BlockReader,
    first: Block | null,
    plan: DownloadPlan,
  ) {
    const { image, checksums, record, maxVirtualSizeBytes } = plan;
    this.#stream = stream;
    this.#reader = reader;
    this.#first = first;
    this.sizeBytes = image.sizeBytes ?? stream.lengthBytes;
    this.header = inspectHeader(first?.bytes ?? new Uint8Array(0), {
      diskFormat: image.diskFormat,
      containerFormat: image.containerFormat,
      sizeBytes: this.sizeBytes,
      maxVirtualSizeBytes,
    });
    this.#verifier = new StreamVerifier({
      imageId: image.imageId,
      sizeBytes: this.sizeBytes,
      checksums,
      record,
    });
  }

  /** Starts a download and reads its header, once. */
  static async #start(
    plan: DownloadPlan,
    options: Options,
  ): Promise<ImageDownload> {
    const stream = await plan.source.open(plan.image, plan.access, options);
    try {
      refuseOtherLength(plan.image, stream);
      const reader = new BlockReader(stream.body);
      return new ImageDownload(stream, reader, await reader.next(), plan);
    } catch (error) {
      await stream[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts a download; what the transport breaks off is started again, `budget` times in all. */
  static async open(
    plan: DownloadPlan,
    budget: RetryBudget,
    options: Options,
  ): Promise<ImageDownload> {
    for (;;) {
      try {
        return await ImageDownload.#start(plan, options);
      } catch (error) {
        await budget.spend(error, options);
      }
    }
  }

  /** The next block, counted and hashed; null at the end. */
  async next(): Promise<Block | null> {
    const block = this.#first ?? (await this.#reader.next());
    this.#first = null;
    if (block !== null) {
      this.#verifier.update(block.bytes);
    }
    return block;
  }

  /** Bytes that were given out. */
  get bytes(): number {
    return this.#verifier.bytes;
  }

  /** The verified checksum, after the last block. */
  finish(): string | null {
    return this.#verifier.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }
}

/** How often one image may be downloaded again. */
export class RetryBudget {
  readonly #plan: DownloadPlan;
  #spent = 0;

  constructor(plan: DownloadPlan) {
    this.#plan = plan;
  }

  /** Waits before the next try; throws `error` when another try would be useless or one too many. */
  async spend(error: unknown, options: Options): Promise<void> {
    const isSpent = this.#spent >= this.#plan.retries;
    if (isSpent || options.signal.aborted || !isTransient(error)) {
      throw error;
    }
    const pauseMs = this.#plan.retryDelayMs * 2 ** this.#spent;
    this.#spent += 1;
    await pause(pauseMs * (0.75 + Math.random() / 2), options);
  }
}

/** A changed image has to be described again, so it is nothing to retry here. */
function isTransient(error: unknown): boolean {
  return (
    error instanceof ImageSourceError &&
    error.retry !== "never" &&
    error.code !== "SOURCE_CHANGED"
  );
}

function refuseOtherLength(image: ImageMeta, stream: ImageStream): void {
  const { sizeBytes, imageId } = image;
  const { lengthBytes } = stream;
  if (sizeBytes === null || lengthBytes === null) {
    return;
  }
  if (lengthBytes !== sizeBytes) {
    throw new ImageError(
      lengthBytes < sizeBytes ? "IMAGE_TRUNCATED" : "IMAGE_TOO_LONG",
      `image ${imageId} should have ${sizeBytes} bytes, but its source offers ${lengthBytes}`,
    );
  }
}
