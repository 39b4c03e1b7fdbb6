import type { BackendVolume } from "../backends/volume-backend.ts";
import { CancelledError } from "../errors.ts";
import type { CopyResult, OpenedImage } from "../imagesync/image-copier.ts";
import type { JobContext } from "../jobs/job-context.ts";
import type { FillRequest } from "../jobs/job.ts";
import { bytesPerGb, type Progress } from "../volume.ts";
import type { BackendServices } from "./backend-services.ts";
import { ProgressReport } from "./progress-report.ts";

/** Nobody waits any more. */
class AbandonedError extends CancelledError {
  constructor() {
    super("nobody waits for this image-volume any more");
  }
}

/** One run of a fill. */
export interface Fill {
  readonly services: BackendServices;
  readonly context: JobContext;
  readonly request: FillRequest;
  /** Aborted together with the job, or when nobody waits any more. */
  readonly abandon: AbortController;
  readonly signal: AbortSignal;
  unwantedSinceMs: number | null;
}

/** Makes the image-volume under `name`, an attempt's: created, written, verified, flushed and sealed. */
export async function copyImageVolume(
  fill: Fill,
  opened: OpenedImage,
  name: string,
  sizeGb: number,
): Promise<{ volume: BackendVolume; copied: CopyResult }> {
  const { services, context, request, signal } = fill;
  const { backend } = services;
  const volume = await backend.createVolume(
    {
      name,
      sizeBytes: sizeGb * bytesPerGb,
      volumeId: request.imageVolumeId,
      role: "image-volume",
    },
    { signal },
  );
  const report = new ProgressReport(services.jobs, context.job, async (now) => {
    await stopIfUnwanted(fill, now);
  });
  const copied = await (async () => {
    await using target = await backend.openTarget(volume, { signal });
    return await opened.copyTo(target, report.note, { signal });
  })();
  services.meter.downloaded(copied.bytesDownloaded);
  await backend.seal(
    volume,
    {
      volumeId: request.imageVolumeId,
      entryKey: request.entryKey,
      content: request.content,
      imageId: request.image.imageId,
      virtualSizeBytes: opened.virtualSizeBytes,
      checksum: copied.checksum,
      sealedAtMs: Date.now(),
    },
    { signal },
  );
  return { volume, copied };
}

/** A fill that nobody waits for goes on only when at least half of it is done. */
async function stopIfUnwanted(fill: Fill, progress: Progress): Promise<void> {
  const isHalfDone =
    progress.phase !== "download" ||
    (progress.bytesTotal !== null &&
      progress.bytesDone * 2 >= progress.bytesTotal);
  if (
    isHalfDone ||
    (await fill.services.cache.waiterCount(fill.request.entryKey)) > 0
  ) {
    fill.unwantedSinceMs = null;
    return;
  }
  // After an outage the waiters' places have run out, until their renewal comes.
  fill.unwantedSinceMs ??= Date.now();
  const { unwantedGraceMs } = fill.services.settings;
  if (Date.now() - fill.unwantedSinceMs >= unwantedGraceMs) {
    fill.abandon.abort(new AbandonedError());
  }
}
