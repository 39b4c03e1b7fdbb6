import { randomUUID } from "node:crypto";
import type { Acquired } from "../cache/cache-store.ts";
import type { ImageMeta } from "../image.ts";
import type { CreatePath } from "../volume.ts";
import type { CreateRun } from "./create-run.ts";

/** A create's view of the cache: what it waits for, and how it came to it. */
export interface Lookup {
  readonly entryKey: string;
  readonly content: string;
  readonly image: ImageMeta;
  readonly boundGb: number | null;
  fillId: string | null;
  openedFill: boolean;
  lost: number;
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
    image: lookup.image,
    access: job.access,
    fillId: `fill-${randomUUID()}`,
    imageVolumeId: randomUUID(),
    boundGb: lookup.boundGb,
    awaitedFillId: lookup.fillId,
  });
}

/** How a clone made now would have been come by. */
export function pathOf(lookup: Lookup): CreatePath {
  if (lookup.openedFill) {
    return "miss";
  }
  return lookup.fillId === null ? "hit" : "coalesced";
}
