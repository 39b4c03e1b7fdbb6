import type { BackendVolume, NewVolume } from "../backends/volume-backend.ts";
import { bytesPerGb } from "../volume.ts";
import type { CreateRun } from "./create-run.ts";

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
      return await cloneAndGrow(run, from, name, sizeGb);
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
