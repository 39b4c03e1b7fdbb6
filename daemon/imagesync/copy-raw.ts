import type { FileTarget } from "../backends/volume-backend.ts";
import { BackendError, BackendFullError } from "../errors.ts";
import { BlockWriter } from "./block-writer.ts";
import type { CopyRun } from "./copy-run.ts";
import { errorCodeOf, isNoSpace, isSystemError } from "./error-code.ts";
import type { CopyResult } from "./image-copier.ts";
import { pour } from "./pour.ts";

/** Writes a raw image into a file or device as it arrives. */
export async function copyRaw(
  run: CopyRun,
  target: FileTarget,
): Promise<CopyResult> {
  const { download, meter, dirtyBytes, signal } = run;
  const startedMs = performance.now();
  try {
    await using writer = await BlockWriter.open(target.path);
    const onBytes = (bytes: number) => {
      meter.update("download", bytes, download.sizeBytes);
    };
    const checksum = await pour(download, writer, dirtyBytes, onBytes, signal);
    return {
      bytesDownloaded: download.bytes,
      checksum,
      downloadMs: Math.round(performance.now() - startedMs),
      convertMs: 0,
    };
  } catch (error) {
    throw targetError(error, target.path);
  }
}

function targetError(error: unknown, path: string): unknown {
  if (!isSystemError(error)) {
    return error;
  }
  return isNoSpace(error)
    ? new BackendFullError(path, { cause: error })
    : new BackendError(
        "BACKEND_IO",
        `cannot write to ${path}: ${errorCodeOf(error)}`,
        { cause: error },
      );
}
