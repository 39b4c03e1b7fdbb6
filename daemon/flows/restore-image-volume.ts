import { performance } from "node:perf_hooks";
import type { Restorable } from "../backends/volume-backend.ts";
import { BackendError } from "../errors.ts";
import { ceilGb } from "../volume.ts";
import { commitFill } from "./commit-fill.ts";
import type { Fill } from "./copy-image-volume.ts";
import { underAttempt } from "./fill-attempt.ts";
import { isPause } from "./is-pause.ts";
import { reserveRoom } from "./reserve-room.ts";

/**
 * Takes the image-volume of this content out of the backend's trash, where it was put for want of room, so that nothing
 * is downloaded. It reserves like a download and is sealed anew under an attempt of this fill. False when there is none
 * that may come back, or when that failed.
 *
 * @throws {NoRoomError}
 */
export async function restoreImageVolume(
  fill: Fill,
  startedAt: number,
): Promise<boolean> {
  const { services, context, request, signal } = fill;
  try {
    const found = await services.backend.findRestorable(request.entryKey, {
      signal,
    });
    return (
      found !== null &&
      isWanted(fill, found) &&
      (await bringBack(fill, found, startedAt))
    );
  } catch (error) {
    const isOver = signal.aborted || isPause(error, signal);
    if (isOver || !(error instanceof BackendError)) {
      throw error;
    }
    context.logger.warn("not restored: the image is downloaded instead", {
      content: request.content,
      error,
    });
    return false;
  }
}

function isWanted({ request }: Fill, { seal, sizeBytes }: Restorable): boolean {
  return (
    seal.entryKey === request.entryKey &&
    seal.content === request.content &&
    sizeBytes >= seal.virtualSizeBytes
  );
}

async function bringBack(
  fill: Fill,
  found: Restorable,
  startedAt: number,
): Promise<boolean> {
  const { services, context, request, signal } = fill;
  const { backend } = services;
  const { virtualSizeBytes, checksum } = found.seal;
  const sizeGb = Math.max(1, ceilGb(virtualSizeBytes));
  await reserveRoom(services, context.job, request, sizeGb, signal);
  return await underAttempt(fill, sizeGb, async (name) => {
    const volume = await backend.restoreVolume(found, name, { signal });
    if (volume === null) {
      return false;
    }
    const owner = {
      volumeId: request.imageVolumeId,
      imageId: request.image.imageId,
    };
    await backend.seal(volume, { ...found.seal, ...owner }, { signal });
    await commitFill(fill, {
      providerId: volume.providerId,
      virtualSizeBytes,
      sizeGb,
      checksum,
      bytesDownloaded: 0,
      isRestored: true,
      durationMs: Math.round(performance.now() - startedAt),
    });
    return true;
  });
}
