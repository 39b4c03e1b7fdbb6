import type { Acquired } from "../cache/cache-store.ts";
import type { Change } from "../cache/change-watch.ts";
import { errorOf, LostClaimError, throwIfAborted } from "../errors.ts";
import { contentKey, type ImageMeta } from "../image.ts";
import { bypassCache } from "./bypass-cache.ts";
import { cloneFromEntry } from "./clone-from-entry.ts";
import type { CreateRun, Served } from "./create-run.ts";
import { fillRefused, type OpenFill } from "./fill-image-volume.ts";
import { acquire, type Lookup } from "./lookup.ts";

const entryPollMs = 2000;
const evictingPollMs = 250;
const maxEvictingMs = 5000;

/**
 * Serves a create from the cache: clones the image-volume, waits for the fill that makes it, or opens that fill; copies
 * for itself when the cache has no room or its image-volume cannot be cloned.
 */
export async function serveFromCache(
  run: CreateRun,
  image: ImageMeta,
  content: string,
  openFill: OpenFill,
): Promise<Served> {
  const lookup: Lookup = {
    entryKey: contentKey(content),
    content,
    image,
    fillId: run.job.fillId,
    openedFill: run.job.openedFill,
    lost: 0,
    evictingSinceMs: null,
  };
  run.context.holdLease(lookup.entryKey);
  goOn(run, lookup);
  for (;;) {
    throwIfAborted(run.context.signal);
    using change = run.tools.watch.begin(lookup.entryKey);
    const acquired = await acquireOwned(run, lookup);
    if (acquired.staleKeys.length > 0) {
      run.tools.evictor.soon();
    }
    switch (acquired.kind) {
      case "hit": {
        const served = await cloneFromEntry(run, lookup, acquired.entry);
        if (served !== null) {
          return served;
        }
        break;
      }
      case "miss":
      case "filling":
        await joinFill(run, lookup, acquired, openFill);
        await run.timed("wait", async () => {
          await change.changed(entryPollMs, run.context.signal);
        });
        break;
      case "evicting":
      case "bypass": {
        const served = await waitOrBypass(run, lookup, acquired, change);
        if (served !== null) {
          return served;
        }
        break;
      }
      case "failed":
        run.path ??= "miss";
        throw errorOf(acquired.fault);
      default:
        acquired satisfies never;
    }
  }
}

/** After a takeover: what the dead daemon's run had come to. */
function goOn(run: CreateRun, lookup: Lookup): void {
  if (lookup.openedFill) {
    run.path = "miss";
    run.reason = "not-cached";
  }
}

async function acquireOwned(
  run: CreateRun,
  lookup: Lookup,
): Promise<Exclude<Acquired, { kind: "lost" }>> {
  const acquired = await acquire(run, lookup);
  if (acquired.kind === "lost") {
    throw new LostClaimError(`create of volume ${run.request.volumeId}`);
  }
  return acquired;
}

/** What is on its way out is waited for, but not for ever: a backend that refuses the deletion may do so for days. */
async function waitOrBypass(
  run: CreateRun,
  lookup: Lookup,
  acquired: Acquired & { readonly kind: "evicting" | "bypass" },
  change: Change,
): Promise<Served | null> {
  run.path ??= "miss";
  if (acquired.kind === "bypass") {
    if (acquired.reason === fillRefused && !lookup.openedFill) {
      lookup.fillId = null;
      return null;
    }
    return await bypassCache(run, lookup, acquired.reason);
  }
  lookup.evictingSinceMs ??= Date.now();
  if (Date.now() - lookup.evictingSinceMs > maxEvictingMs) {
    return await bypassCache(run, lookup, "eviction-pending");
  }
  await change.changed(evictingPollMs, run.context.signal);
  return null;
}

async function joinFill(
  run: CreateRun,
  lookup: Lookup,
  acquired: { readonly kind: "miss" | "filling"; readonly fillId: string },
  openFill: OpenFill,
): Promise<void> {
  lookup.fillId = acquired.fillId;
  lookup.evictingSinceMs = null;
  if (acquired.kind === "filling") {
    run.path = lookup.openedFill ? "miss" : "coalesced";
    return;
  }
  lookup.openedFill = true;
  run.path = "miss";
  run.reason = lookup.lost > 0 ? "image-volume-lost" : "not-cached";
  await openFill(acquired.fillId, run.context.access);
}
