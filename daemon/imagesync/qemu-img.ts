import type {
  FileTarget,
  IscsiTarget,
  Options,
} from "../backends/volume-backend.ts";
import { inspectFileTarget } from "./inspect-file-target.ts";
import { lunOptions, secretObject } from "./lun-options.ts";
import {
  interruption,
  libiscsiLine,
  type LunOutcome,
  lunOutcome,
  type LunPatience,
  tellReconnects,
} from "./lun-outcome.ts";
import { fileFailure, imageFailure } from "./qemu-img-failure.ts";
import {
  type ConfinedCommand,
  type ConfinedExit,
  type ConfiningTools,
  runConfined,
} from "./run-confined.ts";

/** Programs this needs, and what they may use; paths are absolute. */
export interface QemuImgOptions extends ConfiningTools {
  readonly qemuImg: string;
  /** For each run; default 1 GiB. */
  readonly addressSpaceBytes?: number;
  /** For each run; default 3,600. */
  readonly cpuSeconds?: number;
  /** How long a LUN may take nothing, beside the time for one percent of the image at 10 MB/s; default 60 s. */
  readonly lunStallMs?: number;
  /** How long the last writes and the flush may take; default 300 s, and never less than the above. */
  readonly lunFlushMs?: number;
}

/** A whole image in a local file, verified. */
export interface SpooledImage {
  readonly path: string;
  readonly format: "raw" | "qcow2";
}

/** One way to a LUN. */
export interface LunPath {
  readonly target: IscsiTarget;
  readonly portal: string;
  /** Descriptor of the file with the CHAP secret. */
  readonly secretFd: number | null;
}

/** Hears how far a conversion is. */
type OnPercent = (percent: number) => void;

/** qemu's image tool, run confined, on files that the format inspector has passed. */
export class QemuImg {
  readonly #options: QemuImgOptions;

  constructor(options: QemuImgOptions) {
    this.#options = options;
  }

  /** Throws `IMAGE_CORRUPT` unless a qcow2's own tables are consistent; leaked clusters do not matter. */
  async check(path: string, options: Options): Promise<void> {
    const image = { path, format: "qcow2" } as const;
    const args = ["check", "-q", "-f", "qcow2", pinned(image)];
    const exit = await this.#run({ args, fileBytes: 0 }, options);
    if (exit.code !== 0 && exit.code !== 3) {
      throw imageFailure("check", exit);
    }
  }

  /** Writes an image as raw into a target that reads as zeroes. */
  async convertToFile(
    image: SpooledImage,
    target: FileTarget,
    onPercent: OnPercent,
    options: Options,
  ): Promise<void> {
    const place = await inspectFileTarget(target);
    const args = [
      ...convertArgs(image, place.isDirect ? "none" : "writeback"),
      "-O",
      "raw",
      pinned(image),
      target.path,
    ];
    const fileBytes = place.isFile ? target.sizeBytes : null;
    const exit = await this.#run(
      { args, fileBytes, onOutput: percentsFor(onPercent) },
      options,
    );
    if (exit.code !== 0) {
      throw fileFailure(exit, target);
    }
  }

  /**
   * Writes an image as raw into a LUN that reads as zeroes, or to which the same image was written in part, and has the
   * device flush its cache.
   */
  async convertToLun(
    image: SpooledImage,
    { target, portal, secretFd }: LunPath,
    onPercent: OnPercent,
    options: Options,
  ): Promise<LunOutcome> {
    const patience = this.#patience(target);
    let done = 0;
    const args = [
      ...convertArgs(image, "none"),
      ...(secretFd === null ? [] : ["--object", secretObject]),
      "--target-image-opts",
      pinned(image),
      lunOptions(target, portal),
    ];
    const exit = await this.#run(
      {
        args,
        fileBytes: 0,
        inheritedFd: secretFd,
        environment: tellReconnects,
        // It would connect again and go on with whatever it finds behind the same LUN.
        endsOn: interruption,
        ignores: libiscsiLine,
        silenceMs: () => (done < 100 ? patience.stallMs : patience.flushMs),
        onOutput: percentsFor((percent) => {
          done = percent;
          onPercent(percent);
        }),
      },
      options,
    );
    return lunOutcome(exit, target, done, patience);
  }

  /** qemu-img tells each percent, so the time for one of them is no silence. */
  #patience(target: IscsiTarget): LunPatience {
    const percentMs = target.sizeBytes / 100 / 10_000;
    const { lunStallMs = 60_000, lunFlushMs = 300_000 } = this.#options;
    const stallMs = lunStallMs + percentMs;
    return { stallMs, flushMs: Math.max(lunFlushMs, stallMs) };
  }

  async #run(
    command: Omit<
      ConfinedCommand,
      "program" | "addressSpaceBytes" | "cpuSeconds"
    >,
    options: Options,
  ): Promise<ConfinedExit> {
    const { qemuImg, addressSpaceBytes, cpuSeconds } = this.#options;
    const limits = {
      addressSpaceBytes: addressSpaceBytes ?? 1024 ** 3,
      cpuSeconds: cpuSeconds ?? 3_600,
    };
    return await runConfined(
      this.#options,
      { program: qemuImg, ...limits, ...command },
      options,
    );
  }
}

function convertArgs(
  { format }: SpooledImage,
  cache: "none" | "writeback",
): readonly string[] {
  const fixed = "convert -p -n --target-is-zero -W -m 16 -t";
  return [...fixed.split(" "), cache, "-f", format];
}

/** Names a file so that qemu opens no other: no backing file, no protocol in the name. */
function pinned({ path, format }: SpooledImage): string {
  return `json:${JSON.stringify({
    driver: format,
    ...(format === "qcow2" ? { backing: null } : {}),
    file: { driver: "file", filename: path },
  })}`;
}

function percentsFor(onPercent: OnPercent): (text: string) => void {
  return (text) => {
    const found = [...text.matchAll(/\((?<percent>\d{1,3}\.\d{2})\/100%\)/g)];
    const percent = found.at(-1)?.groups?.["percent"];
    if (percent !== undefined) {
      onPercent(Number(percent));
    }
  };
}
