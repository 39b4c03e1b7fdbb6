import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import type { Options, WriteTarget } from "../backends/volume-backend.ts";
import {
  BackendError,
  BackendFullError,
  DaemonError,
  ImageError,
} from "../errors.ts";
import { errorCodeOf } from "./error-code.ts";
import {
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
}

/** qemu's image tool, run confined, on qcow2 files that the format inspector has passed. */
export class QemuImg {
  readonly #options: QemuImgOptions;

  constructor(options: QemuImgOptions) {
    this.#options = options;
  }

  /** Throws `IMAGE_CORRUPT` unless the file's own tables are consistent; leaked clusters do not matter. */
  async check(path: string, options: Options): Promise<void> {
    const exit = await this.#run(
      ["check", "-q", "-f", "qcow2", pinned(path)],
      0,
      () => {},
      options,
    );
    if (exit.code !== 0 && exit.code !== 3) {
      throw imageFailure("check", exit);
    }
  }

  /** Writes a qcow2 as raw into a target that reads as zeroes. `onPercent` hears how far it is. */
  async convert(
    path: string,
    target: WriteTarget,
    onPercent: (percent: number) => void,
    options: Options,
  ): Promise<void> {
    const place = await inspectTarget(target);
    const cache = place.isDirect ? "none" : "writeback";
    const exit = await this.#run(
      [
        ..."convert -p -f qcow2 -O raw -n --target-is-zero -W -m 16 -t".split(
          " ",
        ),
        cache,
        pinned(path),
        target.path,
      ],
      place.isFile ? target.sizeBytes : null,
      (text) => {
        const percent = lastPercent(text);
        if (percent !== null) {
          onPercent(percent);
        }
      },
      options,
    );
    if (exit.code !== 0) {
      throw convertFailure(exit, target);
    }
  }

  async #run(
    args: readonly string[],
    fileBytes: number | null,
    onOutput: (text: string) => void,
    options: Options,
  ): Promise<ConfinedExit> {
    const { qemuImg, addressSpaceBytes, cpuSeconds } = this.#options;
    const command = {
      program: qemuImg,
      args,
      addressSpaceBytes: addressSpaceBytes ?? 1024 ** 3,
      cpuSeconds: cpuSeconds ?? 3_600,
      fileBytes,
      onOutput,
    };
    return await runConfined(this.#options, command, options);
  }
}

/** Names a file so that qemu opens no other: no backing file, no protocol in the name. */
function pinned(path: string): string {
  return `json:${JSON.stringify({
    driver: "qcow2",
    backing: null,
    file: { driver: "file", filename: path },
  })}`;
}

interface Place {
  readonly isFile: boolean;
  readonly isDirect: boolean;
}

async function inspectTarget(target: WriteTarget): Promise<Place> {
  if (!target.path.startsWith("/")) {
    throw new BackendError(
      "BACKEND_IO",
      `the target ${target.path} is not an absolute path`,
      { retry: "never" },
    );
  }
  try {
    const isFile = (await stat(target.path)).isFile();
    // With direct I/O the last sector is written as a whole page, beyond the end of a file that is not made of pages.
    const isWhole = target.sizeBytes % 4_096 === 0;
    return { isFile, isDirect: isWhole && (await takesDirectIo(target.path)) };
  } catch (error) {
    throw new BackendError("BACKEND_IO", `cannot open ${target.path}`, {
      cause: error,
    });
  }
}

/** Some file systems (tmpfs, some network ones) refuse O_DIRECT. */
async function takesDirectIo(path: string): Promise<boolean> {
  try {
    const file = await open(path, constants.O_WRONLY | constants.O_DIRECT);
    await file.close();
    return true;
  } catch (error) {
    if (errorCodeOf(error) === "EINVAL") {
      return false;
    }
    throw error;
  }
}

function lastPercent(text: string): number | null {
  const found = [...text.matchAll(/\((?<percent>\d{1,3}\.\d{2})\/100%\)/g)];
  const percent = found.at(-1)?.groups?.["percent"];
  return percent === undefined ? null : Number(percent);
}

/** Exit status of `qemu-img check` (its manual): completed, the image is corrupt. */
const checkFoundCorruption = 2;

function convertFailure(exit: ConfinedExit, target: WriteTarget): DaemonError {
  if (/No space left on device|Disk quota exceeded/.test(exit.stderr)) {
    return new BackendFullError(target.path);
  }
  if (/while writing/.test(exit.stderr)) {
    return new BackendError(
      "BACKEND_IO",
      `qemu-img cannot write to ${target.path}: ${lastLine(exit)}`,
    );
  }
  return imageFailure("convert", exit);
}

function imageFailure(verb: string, exit: ConfinedExit): DaemonError {
  const says = `qemu-img ${verb} says: ${lastLine(exit)}`;
  const failed = { remoteClass: "ImageCopyFailure", status: 500 };
  if (exit.code === null || /Cannot allocate memory/.test(exit.stderr)) {
    return new ImageError(
      "IMAGE_CONVERT_FAILED",
      `${says}; it may have reached a limit of memory or time`,
      { ...failed, retry: "later" },
    );
  }
  const isCorrupt =
    (verb === "check" && exit.code === checkFoundCorruption) ||
    // Not the texts of errno, which tell of this machine: "Invalid argument", "File too large".
    /corrupt|is not in \S+ format|invalid (?!argument)|unsupported|too (?:big|small)/i.test(
      exit.stderr,
    );
  if (isCorrupt) {
    return new ImageError("IMAGE_CORRUPT", says);
  }
  // The bytes are those of the source, so what failed is this machine: its tools, limits or disk.
  return new DaemonError(`IMAGE_CONVERT_FAILED: ${says}`, {
    ...failed,
    code: "IMAGE_CONVERT_FAILED",
    retry: "later",
  });
}

function lastLine(exit: ConfinedExit): string {
  const line = exit.stderr.split("\n").at(-1)?.trim() ?? "";
  const text = line === "" ? `exit ${exit.signal ?? exit.code}` : line;
  // Callers need not know where this machine keeps its files.
  return text
    .replace(/^qemu-img: /, "")
    .replace(/'?json:\{.*\}'?/g, "the image")
    .replace(/'\/[^']*'/g, "the image")
    .slice(0, 300);
}
