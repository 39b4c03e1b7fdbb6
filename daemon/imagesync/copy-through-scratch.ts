import type { WriteTarget } from "../backends/volume-backend.ts";
import { DaemonError } from "../errors.ts";
import type { CopyRun } from "./copy-run.ts";
import { isSystemError } from "./error-code.ts";
import type { CopyResult } from "./image-copier.ts";
import type { ImageDownload } from "./image-download.ts";
import type { LunWriter } from "./lun-writer.ts";
import { pour } from "./pour.ts";
import type { SpooledImage } from "./qemu-img.ts";
import {
  createScratchFile,
  scratchError,
  type ScratchFile,
} from "./scratch.ts";

/**
 * Spools an image, verifies it, and lets qemu-img write it into its target, to which nothing is written before. The
 * spool is removed in any case.
 */
export async function copyThroughScratch(run: CopyRun): Promise<CopyResult> {
  const { download, target, meter, qemuImg, signal } = run;
  const startedMs = performance.now();
  if (target.kind === "iscsi") {
    await lunWriterOf(run).prove(target, { signal });
  }
  await using scratch = await createScratchFile(
    run.scratchDir,
    roomFor(download),
  );
  const checksum = await spool(run, scratch);
  const downloadedMs = performance.now();
  const { format } = download.header;
  const image = { path: scratch.path, format };
  meter.update("verify", 0, null);
  if (format === "qcow2") {
    await qemuImg.check(image.path, { signal });
  }
  await convert(run, target, image);
  return {
    bytesDownloaded: download.bytes,
    checksum,
    downloadMs: Math.round(downloadedMs - startedMs),
    convertMs: Math.round(performance.now() - downloadedMs),
  };
}

/** A raw image may be holes for the most part, which take no room: one that does not fit is found out on the way. */
function roomFor({ header, sizeBytes }: ImageDownload): number | null {
  return header.format === "raw" ? null : sizeBytes;
}

async function spool(
  { download, meter, scratchDir, signal }: CopyRun,
  scratch: ScratchFile,
): Promise<string | null> {
  const onBytes = (bytes: number) => {
    meter.update("download", bytes, download.sizeBytes);
  };
  try {
    const checksum = await pour(download, scratch.writer, 0, onBytes, signal);
    await scratch.setLength(download.bytes);
    return checksum;
  } catch (error) {
    throw isSystemError(error) ? scratchError(error, scratchDir) : error;
  }
}

async function convert(
  run: CopyRun,
  target: WriteTarget,
  image: SpooledImage,
): Promise<void> {
  const { download, meter, qemuImg, signal } = run;
  const { virtualSizeBytes } = download.header;
  const onPercent = (percent: number) => {
    const bytes = Math.round((virtualSizeBytes * percent) / 100);
    meter.update("convert", bytes, virtualSizeBytes);
  };
  onPercent(0);
  switch (target.kind) {
    case "file":
      await qemuImg.convertToFile(image, target, onPercent, { signal });
      return;
    case "iscsi":
      await lunWriterOf(run).write(image, target, onPercent, { signal });
  }
}

function lunWriterOf({ lunWriter }: CopyRun): LunWriter {
  if (lunWriter === null) {
    throw new DaemonError(
      "TOOL_MISSING: this daemon was started without what it needs to write to LUNs",
      { code: "TOOL_MISSING", retry: "never" },
    );
  }
  return lunWriter;
}
