import type { FileTarget, IscsiTarget } from "../backends/volume-backend.ts";
import {
  BackendError,
  BackendFullError,
  DaemonError,
  ImageError,
} from "../errors.ts";
import type { ConfinedExit } from "./run-confined.ts";
import { targetName } from "./target-name.ts";

/** Exit status of `qemu-img check` (its manual): completed, the image is corrupt. */
const checkFoundCorruption = 2;

/** Why a conversion into a file or device failed. */
export function fileFailure(
  exit: ConfinedExit,
  target: FileTarget,
): DaemonError {
  if (/No space left on device|Disk quota exceeded/.test(exit.stderr)) {
    return new BackendFullError(target.path);
  }
  return /while writing/.test(exit.stderr)
    ? cannotWrite(target, lastLine(exit))
    : imageFailure("convert", exit);
}

/** Why a conversion into a LUN that could be reached failed. */
export function lunFailure(
  exit: ConfinedExit,
  target: IscsiTarget,
): DaemonError {
  // ASC 27h, ASCQ 07h is SCSI's "space allocation failed", for which libiscsi has no word.
  if (/No space left on device|\(0x2707\)/.test(exit.stderr)) {
    return new BackendFullError(targetName(target));
  }
  const command = /iSCSI [A-Z0-9/]+ failed.*/.exec(exit.stderr)?.[0];
  if (command !== undefined) {
    return cannotWrite(target, command.slice(0, 300));
  }
  return /while writing|'driver=raw,|output file is smaller/i.test(exit.stderr)
    ? cannotWrite(target, lastLine(exit))
    : imageFailure("convert", exit);
}

/** Whether qemu's last flush failed: it says so, and exits as if nothing had happened. */
export function isUnflushed(exit: ConfinedExit): boolean {
  return /SYNCHRONIZECACHE\d* failed/.test(exit.stderr);
}

/** Why qemu-img could not do something to an image, where its target is not to blame. */
export function imageFailure(
  verb: "check" | "convert",
  exit: ConfinedExit,
): DaemonError {
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

function cannotWrite(
  target: FileTarget | IscsiTarget,
  why: string,
): BackendError {
  return new BackendError(
    "BACKEND_IO",
    `qemu-img cannot write to ${targetName(target)}: ${why}`,
  );
}

function lastLine(exit: ConfinedExit): string {
  const line = exit.stderr.split("\n").at(-1)?.trim() ?? "";
  const text = line === "" ? `exit ${exit.signal ?? exit.code}` : line;
  // Callers need not know where this machine keeps its files, nor how it reaches an array.
  return text
    .replace(/^qemu-img: /, "")
    .replace(/'?json:\{.*\}'?/g, "the image")
    .replace(/'driver=raw,.*'/g, "the LUN")
    .replace(/'\/[^']*'/g, "the image")
    .slice(0, 300);
}
