import type { CopyRun } from "./copy-run.ts";
import { isSystemError } from "./error-code.ts";
import type { CopyResult } from "./image-copier.ts";
import { pour } from "./pour.ts";
import {
  createScratchFile,
  scratchError,
  type ScratchFile,
} from "./scratch.ts";

/** Spools a qcow2, verifies it, and lets qemu-img write it into its target. The spool is removed in any case. */
export async function copyQcow2(run: CopyRun): Promise<CopyResult> {
  const { download, target, meter, qemuImg, signal } = run;
  const startedMs = performance.now();
  await using scratch = await createScratchFile(
    run.scratchDir,
    download.sizeBytes,
  );
  const checksum = await spool(run, scratch);
  const downloadedMs = performance.now();
  const { virtualSizeBytes } = download.header;
  meter.update("verify", 0, null);
  await qemuImg.check(scratch.path, { signal });
  const onPercent = (percent: number) => {
    const bytes = Math.round((virtualSizeBytes * percent) / 100);
    meter.update("convert", bytes, virtualSizeBytes);
  };
  onPercent(0);
  await qemuImg.convert(scratch.path, target, onPercent, { signal });
  return {
    bytesDownloaded: download.bytes,
    checksum,
    downloadMs: Math.round(downloadedMs - startedMs),
    convertMs: Math.round(performance.now() - downloadedMs),
  };
}

async function spool(
  { download, meter, scratchDir, signal }: CopyRun,
  scratch: ScratchFile,
): Promise<string | null> {
  const onBytes = (bytes: number) => {
    meter.update("download", bytes, download.sizeBytes);
  };
  try {
    return await pour(download, scratch.writer, 0, onBytes, signal);
  } catch (error) {
    throw isSystemError(error) ? scratchError(error, scratchDir) : error;
  }
}
