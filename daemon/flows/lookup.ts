import { randomUUID } from "node:crypto";
import type { Acquired } from "../cache/cache-store.ts";
import type { ChecksumAlgorithm, ImageMeta } from "../image.ts";
import type { CreatePath } from "../volume.ts";
import type { CreateRun } from "./create-run.ts";

/** A create's view of the cache: what it waits for, and how it came to it. */
export interface Lookup {
  readonly entryKey: string;
  readonly content: string;
  readonly image: ImageMeta;
  fillId: string | null;
  openedFill: boolean;
  lost: number;
  evictingSinceMs: number | null;
}

/** Asks the cache; asking again as the same job changes nothing more. */
export async function acquire(
  run: CreateRun,
  lookup: Lookup,
): Promise<Acquired> {
  const { job } = run;
  return await run.tools.cache.acquire({
    jobId: job.id,
    token: job.token,
    content: lookup.content,
    entryKey: lookup.entryKey,
    image: withoutAskedChecksum(lookup.image),
    access: job.access,
    fillId: `fill-${randomUUID()}`,
    imageVolumeId: randomUUID(),
    recordChecksum: recordedAlgorithm(lookup.image),
    awaitedFillId: lookup.fillId,
  });
}

/** A fill serves everybody: what one caller asks for must not decide whether the image is good. */
function withoutAskedChecksum(image: ImageMeta): ImageMeta {
  return image.reference.kind === "url"
    ? { ...image, reference: { ...image.reference, checksum: null } }
    : image;
}

function recordedAlgorithm(image: ImageMeta): ChecksumAlgorithm | null {
  if (image.reference.kind !== "url") {
    return null;
  }
  return image.reference.checksum?.algorithm ?? "sha256";
}

/** How a clone made now would have been come by. */
export function pathOf(lookup: Lookup): CreatePath {
  if (lookup.openedFill) {
    return "miss";
  }
  return lookup.fillId === null ? "hit" : "coalesced";
}
