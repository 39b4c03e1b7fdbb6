import type { Access } from "../access.ts";
import type { Options, WriteTarget } from "../backends/volume-backend.ts";
import { BackendError, ImageSourceError, throwIfAborted } from "../errors.ts";
import type { ImageMeta } from "../image.ts";
import type { Progress } from "../volume.ts";
import { AbortRelay } from "./abort-relay.ts";
import {
  type ChecksumPolicy,
  checksumsToVerify,
  ownChecksums,
} from "./checksum-policy.ts";
import { copyRaw } from "./copy-raw.ts";
import { copyThroughScratch } from "./copy-through-scratch.ts";
import { allowedFormatOf } from "./format-inspector/inspect-header.ts";
import type {
  CopyResult,
  ImageCopier,
  OpenedImage,
  OpenOptions,
} from "./image-copier.ts";
import {
  type DownloadPlan,
  ImageDownload,
  RetryBudget,
} from "./image-download.ts";
import type { ImageSource } from "./image-source.ts";
import type { LunWriter } from "./lun-writer.ts";
import { ProgressMeter } from "./progress-meter.ts";
import type { QemuImg } from "./qemu-img.ts";
import { targetName } from "./target-name.ts";

/** What a copier is made of. */
export interface StreamCopierOptions {
  readonly source: ImageSource;
  readonly qemuImg: QemuImg;
  /** Needed where a backend's targets are LUNs. */
  readonly lunWriter?: LunWriter | null;
  /** Folder for images that cannot be written as they arrive; see `cleanScratch`. */
  readonly scratchDir: string;
  readonly policy: ChecksumPolicy;
  /** Default 2 TiB. */
  readonly maxVirtualSizeBytes?: number;
  /** Further downloads after one that the transport broke off; default 2. */
  readonly retries?: number;
  /** Before the first of them; doubles; default 1 s. */
  readonly retryDelayMs?: number;
}

const defaultMaxVirtualSizeBytes = 2 * 1024 ** 4;

/**
 * Copies images in one pass over the wire: raw straight into a file or device; qcow2, and all that goes into a LUN,
 * through a scratch file and qemu-img.
 */
export class StreamCopier implements ImageCopier {
  readonly #options: StreamCopierOptions;

  constructor(options: StreamCopierOptions) {
    this.#options = options;
  }

  check(image: ImageMeta): void {
    allowedFormatOf(image);
    checksumsToVerify(image, this.#options.policy);
  }

  async open(
    image: ImageMeta,
    access: Access,
    { signal, recordChecksum }: OpenOptions,
  ): Promise<OpenedImage> {
    allowedFormatOf(image);
    const { source, policy } = this.#options;
    const plan: DownloadPlan = {
      source,
      image,
      access,
      checksums:
        recordChecksum === undefined
          ? checksumsToVerify(image, policy)
          : ownChecksums(image, policy),
      record: recordChecksum ?? null,
      maxVirtualSizeBytes:
        this.#options.maxVirtualSizeBytes ?? defaultMaxVirtualSizeBytes,
      retries: this.#options.retries ?? 2,
      retryDelayMs: this.#options.retryDelayMs ?? 1_000,
    };
    const relay = new AbortRelay();
    using _ = relay.follow(signal);
    const budget = new RetryBudget(plan);
    const download = await ImageDownload.open(plan, budget, relay);
    return new StreamedImage(this.#options, plan, budget, relay, download);
  }
}

class StreamedImage implements OpenedImage {
  readonly virtualSizeBytes: number;
  readonly #options: StreamCopierOptions;
  readonly #plan: DownloadPlan;
  readonly #budget: RetryBudget;
  /** The download outlives the call that began it, so it has a signal of its own. */
  readonly #relay: AbortRelay;
  #download: ImageDownload;

  constructor(
    options: StreamCopierOptions,
    plan: DownloadPlan,
    budget: RetryBudget,
    relay: AbortRelay,
    download: ImageDownload,
  ) {
    this.#options = options;
    this.#plan = plan;
    this.#budget = budget;
    this.#relay = relay;
    this.#download = download;
    this.virtualSizeBytes = download.header.virtualSizeBytes;
  }

  async copyTo(
    target: WriteTarget,
    onProgress: (progress: Progress) => void,
    { signal }: Options,
  ): Promise<CopyResult> {
    throwIfAborted(signal);
    if (target.sizeBytes < this.virtualSizeBytes) {
      throw new BackendError(
        "TARGET_TOO_SMALL",
        `${targetName(target)} has ${target.sizeBytes} bytes, the image needs ${this.virtualSizeBytes}`,
        { retry: "never" },
      );
    }
    using _ = this.#relay.follow(signal);
    const meter = new ProgressMeter(onProgress);
    let earlierBytes = 0;
    let dirtyBytes = 0;
    for (;;) {
      try {
        const result = await this.#copyOnce(target, meter, dirtyBytes);
        const bytesDownloaded = result.bytesDownloaded + earlierBytes;
        return { ...result, bytesDownloaded };
      } catch (error) {
        const { bytes } = this.#download;
        earlierBytes += bytes;
        dirtyBytes = Math.max(dirtyBytes, bytes);
        await this.#restart(error);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#download[Symbol.asyncDispose]();
  }

  async #copyOnce(
    target: WriteTarget,
    meter: ProgressMeter,
    dirtyBytes: number,
  ): Promise<CopyResult> {
    const { scratchDir, qemuImg, lunWriter = null } = this.#options;
    const { signal } = this.#relay;
    const download = this.#download;
    const run = {
      download,
      target,
      meter,
      dirtyBytes,
      scratchDir,
      qemuImg,
      lunWriter,
      signal,
    };
    return target.kind === "file" && download.header.format === "raw"
      ? await copyRaw(run, target)
      : await copyThroughScratch(run);
  }

  async #restart(error: unknown): Promise<void> {
    await this.#download[Symbol.asyncDispose]();
    throwIfAborted(this.#relay.signal);
    await this.#budget.spend(error, this.#relay);
    const again = await ImageDownload.open(
      this.#plan,
      this.#budget,
      this.#relay,
    );
    this.#download = again;
    if (again.header.virtualSizeBytes !== this.virtualSizeBytes) {
      throw new ImageSourceError(
        "SOURCE_CHANGED",
        `image ${this.#plan.image.imageId} changed while it was copied; try again`,
      );
    }
  }
}
