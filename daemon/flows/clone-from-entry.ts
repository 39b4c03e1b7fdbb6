import type { CacheEntry } from "../cache/cache-entry.ts";
import {
  DaemonError,
  RequestError,
  StoreUnavailableError,
  throwIfAborted,
} from "../errors.ts";
import type { ImageMeta } from "../image.ts";
import { bytesPerGb, ceilGb, type CreatePath } from "../volume.ts";
import { checkFits, volumeSizeGb } from "./check-image.ts";
import { cloneVolume } from "./clone-volume.ts";
import { copyVolume } from "./copy-volume.ts";
import type { CreateRun, Served } from "./create-run.ts";
import { type Lookup, pathOf } from "./lookup.ts";

/** How often a create may find its image-volume lost before it copies for itself. */
const maxLost = 3;

/** The volume; null when the image-volume is gone and the lookup has to be repeated. */
export async function cloneFromEntry(
  run: CreateRun,
  lookup: Lookup,
  entry: CacheEntry,
): Promise<Served | null> {
  const virtualSizeBytes = entry.virtualSizeBytes ?? 0;
  run.path = pathOf(lookup);
  checkFits(virtualSizeBytes, run.request.sizeGb, lookup.image.imageId);
  if (!isWhatWasAskedFor(entry, lookup.image)) {
    await run.tools.cache.releaseLease(
      lookup.entryKey,
      run.job.id,
      run.job.token,
    );
    return await copyVolume(run, lookup.image, "checksum-not-recorded");
  }
  const sizeGb = volumeSizeGb(
    virtualSizeBytes,
    run.request.sizeGb,
    lookup.image,
  );
  const from = {
    providerId: entry.providerId ?? "",
    sizeBytes: ceilGb(virtualSizeBytes) * bytesPerGb,
  };
  try {
    const providerId = await run.timed(
      "clone",
      async () => await cloneVolume(run, from, sizeGb),
    );
    const path = pathOf(lookup);
    run.reason = reasonOf(run, path, entry);
    return {
      providerId,
      sizeGb,
      path,
      reason: run.reason,
      bytesDownloaded: path === "miss" ? entry.bytesDownloaded : 0,
    };
  } catch (error) {
    return await afterFailedClone(run, lookup, entry, error);
  }
}

/**
 * Compares the checksum that came with the request. False when the entry has none of that kind: only a download tells.
 *
 * @throws {RequestError} `IMAGE_CORRUPT`: the image is not what this caller expects.
 */
function isWhatWasAskedFor(entry: CacheEntry, image: ImageMeta): boolean {
  const asked =
    image.reference.kind === "url" ? image.reference.checksum : null;
  if (asked === null) {
    return true;
  }
  const [algorithm, value] = (entry.checksum ?? "").split(":", 2);
  if (algorithm !== asked.algorithm) {
    return false;
  }
  if (value !== asked.value) {
    throw new RequestError(
      "IMAGE_CORRUPT",
      `image ${image.imageId} has ${algorithm} ${value}, the request expects ${asked.value}; correct the checksum or the URL`,
      { remoteClass: "ImageUnacceptable" },
    );
  }
  return true;
}

async function afterFailedClone(
  run: CreateRun,
  lookup: Lookup,
  entry: CacheEntry,
  error: unknown,
): Promise<Served | null> {
  throwIfAborted(run.context.signal);
  if (!(error instanceof DaemonError) || !mayCopyInstead(error)) {
    throw error;
  }
  run.context.logger.warn("clone failed", {
    volumeId: run.request.volumeId,
    providerId: entry.providerId,
    error,
  });
  if (lookup.lost < maxLost && (await isLost(run, entry, error))) {
    lookup.lost += 1;
    lookup.fillId = null;
    run.path = "miss";
    return null;
  }
  await run.tools.cache.releaseLease(
    lookup.entryKey,
    run.job.id,
    run.job.token,
  );
  return await copyVolume(run, lookup.image, "clone-failed");
}

/** Whether the image-volume itself is gone or no longer sealed; then its entry is given up, unless it stands for another one by now. */
async function isLost(
  run: CreateRun,
  entry: CacheEntry,
  cause: DaemonError,
): Promise<boolean> {
  const { backend, evictor } = run.tools;
  try {
    if (cause.code === "VOLUME_NOT_SEALED") {
      await evictor.evict(entry.key, "corrupt", true, entry.fillId);
      return true;
    }
    const found = await backend.find(entry.providerId ?? "", {
      signal: run.context.signal,
    });
    if (found !== null) {
      return false;
    }
    await evictor.evict(entry.key, "lost", true, entry.fillId);
    return true;
  } catch (error) {
    if (error instanceof StoreUnavailableError) {
      throw error;
    }
    run.context.logger.warn("lost image-volume not given up", {
      providerId: entry.providerId,
      error,
    });
    return false;
  }
}

/** A full backend, a taken name or a lost store would fail the copy too; the rest it may survive (invariant I9). */
function mayCopyInstead(error: DaemonError): boolean {
  return (
    error.scope === "daemon" &&
    ![
      "BACKEND_FULL",
      "VOLUME_EXISTS",
      "REDIS_UNAVAILABLE",
      "CLAIM_LOST",
    ].includes(error.code)
  );
}

function reasonOf(run: CreateRun, path: CreatePath, entry: CacheEntry): string {
  const why = causeOf(run, path, entry);
  return run.tools.backend.capabilities.clone === "copy"
    ? `${why}; copied, since this file system has no reflink`
    : why;
}

function causeOf(run: CreateRun, path: CreatePath, entry: CacheEntry): string {
  switch (path) {
    case "hit":
      return "cached";
    case "coalesced":
      return "waited-for-fill";
    case "miss":
      return entry.isRestored ? "restored" : run.reason;
    case "bypass":
      return run.reason;
    default:
      return path satisfies never;
  }
}
