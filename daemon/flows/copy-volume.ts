import type { ImageMeta } from "../image.ts";
import { bytesPerGb } from "../volume.ts";
import { checkFits, volumeSizeGb } from "./check-image.ts";
import type { CreateRun, Served } from "./create-run.ts";
import { ProgressReport } from "./progress-report.ts";

/** Copies the image straight into the volume, without the cache: under an attempt name, renamed when it is verified. */
export async function copyVolume(
  run: CreateRun,
  image: ImageMeta,
  reason: string,
): Promise<Served> {
  run.path = "bypass";
  run.reason = reason;
  const { copies } = run.tools;
  return await run.timed(
    "copy",
    async () =>
      await copies.run(
        async () => await copyUnderAttempt(run, image, reason),
        run.context.signal,
      ),
  );
}

async function copyUnderAttempt(
  run: CreateRun,
  image: ImageMeta,
  reason: string,
): Promise<Served> {
  const { backend, copier, meter } = run.tools;
  const { signal, access } = run.context;
  const { volumeId } = run.request;
  await using opened = await copier.open(image, access, { signal });
  checkFits(opened.virtualSizeBytes, run.request.sizeGb, image.imageId);
  const sizeGb = volumeSizeGb(
    opened.virtualSizeBytes,
    run.request.sizeGb,
    image,
  );
  const attempt = await run.newAttempt();
  const { id, token } = run.job;
  // Also tells a takeover that this create copied for itself.
  await run.tools.jobs.saveProgress(id, token, {
    phase: "download",
    bytesDone: 0,
    bytesTotal: image.sizeBytes,
    rate: 0,
  });
  const name = backend.nameFor({ kind: "attempt", attempt });
  try {
    const made = await backend.createVolume(
      { name, sizeBytes: sizeGb * bytesPerGb, volumeId, role: "volume" },
      { signal },
    );
    const report = new ProgressReport(run.tools.jobs, run.job);
    const copied = await (async () => {
      await using target = await backend.openTarget(made, { signal });
      return await opened.copyTo(target, report.note, { signal });
    })();
    meter.downloaded(copied.bytesDownloaded);
    const finished = await backend.renameVolume(
      made,
      backend.nameFor({ kind: "volume", volumeId }),
      { signal },
    );
    return {
      providerId: finished.providerId,
      sizeGb,
      path: "bypass",
      reason,
      bytesDownloaded: copied.bytesDownloaded,
    };
  } catch (error) {
    await run.removeAttempts([attempt]);
    throw error;
  }
}
