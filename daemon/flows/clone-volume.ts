import type { BackendVolume, NewVolume } from "../backends/volume-backend.ts";
import { DaemonError } from "../errors.ts";
import { bytesPerGb } from "../volume.ts";
import type { CreateRun } from "./create-run.ts";
import { isPause } from "./is-pause.ts";
import { removeUnfinished } from "./remove-unfinished.ts";

/**
 * Makes the volume a clone of an image-volume, of exactly `sizeGb`. Where the backend's clone is one atomic step it is
 * made straight under its name, else under an attempt name and renamed when it is complete.
 */
export async function cloneVolume(
  run: CreateRun,
  from: BackendVolume,
  sizeGb: number,
): Promise<string> {
  const { backend, clones } = run.tools;
  const { signal } = run.context;
  const name = backend.nameFor({
    kind: "volume",
    volumeId: run.request.volumeId,
  });
  return await clones.run(async () => {
    if (backend.capabilities.atomicClone) {
      try {
        await noteSize(run, from, sizeGb);
        return await cloneAndGrow(run, from, name, sizeGb);
      } catch (error) {
        await removeClone(run, name, error);
        throw error;
      }
    }
    const attempt = await run.newAttempt();
    const attemptName = backend.nameFor({ kind: "attempt", attempt });
    try {
      await cloneAndGrow(run, from, attemptName, sizeGb);
      const renamed = await backend.renameVolume(
        { providerId: attemptName, sizeBytes: sizeGb * bytesPerGb },
        name,
        { signal },
      );
      return renamed.providerId;
    } catch (error) {
      await run.removeAttempts([attempt]);
      throw error;
    }
  }, signal);
}

/** An heir who finds the clone there has to know how large it was to become, where the request does not tell. */
async function noteSize(
  run: CreateRun,
  from: BackendVolume,
  sizeGb: number,
): Promise<void> {
  const bytesTotal = sizeGb * bytesPerGb;
  if (run.request.sizeGb === null && bytesTotal > from.sizeBytes) {
    const { id, token } = run.job;
    await run.tools.jobs.saveProgress(id, token, {
      phase: "clone",
      bytesDone: 0,
      bytesTotal,
      rate: 0,
    });
  }
}

/** Errors that come before anything was made. */
const nothingMade = new Set([
  "VOLUME_EXISTS",
  "VOLUME_MISSING",
  "VOLUME_NOT_SEALED",
]);

/**
 * A clone under the volume's own name that could not be finished must not stay there: not grown, or made by a request
 * whose answer never came. After a takeover it is the heir's, who adopts it; so this has to be over long before the claim
 * may have run out.
 */
async function removeClone(
  run: CreateRun,
  name: string,
  error: unknown,
): Promise<void> {
  const { tools, job, context } = run;
  if (
    isPause(error, context.signal) ||
    (error instanceof DaemonError && nothingMade.has(error.code))
  ) {
    return;
  }
  const signal = AbortSignal.timeout(tools.settings.cleanUpMs);
  try {
    const now = await tools.jobs.get(job.id);
    if (now?.job?.token === job.token) {
      await removeUnfinished(tools.backend, name, { signal });
    }
  } catch (failure) {
    context.logger.error(
      "unfinished clone left behind: delete the volume to remove it",
      { volumeId: run.request.volumeId, providerId: name, error: failure },
    );
  }
}

async function cloneAndGrow(
  run: CreateRun,
  from: BackendVolume,
  name: string,
  sizeGb: number,
): Promise<string> {
  const { backend } = run.tools;
  const { signal } = run.context;
  const volume: NewVolume = {
    name,
    sizeBytes: from.sizeBytes,
    volumeId: run.request.volumeId,
    role: "volume",
  };
  const clone = await backend.cloneVolume(from, volume, { signal });
  const grown =
    clone.sizeBytes < sizeGb * bytesPerGb
      ? await backend.extendVolume(clone, sizeGb * bytesPerGb, { signal })
      : clone;
  return grown.providerId;
}
