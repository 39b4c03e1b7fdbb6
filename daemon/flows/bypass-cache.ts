import { throwIfAborted } from "../errors.ts";
import { copyVolume } from "./copy-volume.ts";
import type { CreateRun, Served } from "./create-run.ts";
import type { Lookup } from "./lookup.ts";

const pollMs = 2000;
const placeTtlMs = 60_000;

/**
 * Copies without the cache, a few at a time for one content. Null when the content has become ready meanwhile: the
 * lookup has to be repeated.
 */
export async function bypassCache(
  run: CreateRun,
  lookup: Lookup,
  reason: string,
): Promise<Served | null> {
  const { cache, settings, watch } = run.tools;
  const { signal } = run.context;
  run.path = "bypass";
  run.reason = reason;
  for (;;) {
    throwIfAborted(signal);
    using change = watch.begin(lookup.entryKey);
    const place = await cache.enterBypass(
      lookup.entryKey,
      run.job.id,
      settings.maxBypassPerImage,
      placeTtlMs,
    );
    switch (place) {
      case "go":
        return await copyAtPlace(run, lookup, reason);
      case "wait":
        await run.timed("wait", async () => {
          await change.changed(pollMs, signal);
        });
        break;
      case "ready":
        // Waited, so what comes now is not told as a plain hit.
        lookup.fillId = "bypass";
        return null;
      default:
        place satisfies never;
    }
  }
}

async function copyAtPlace(
  run: CreateRun,
  lookup: Lookup,
  reason: string,
): Promise<Served> {
  const { cache, settings } = run.tools;
  const keep = setInterval(() => {
    // A place that runs out only lets one more copy in.
    void cache
      .enterBypass(
        lookup.entryKey,
        run.job.id,
        settings.maxBypassPerImage,
        placeTtlMs,
      )
      .catch(() => {});
  }, placeTtlMs / 3);
  try {
    return await copyVolume(run, lookup.image, reason);
  } finally {
    clearInterval(keep);
    // A place that is not given back runs out; that must not undo a finished copy.
    await cache.leaveBypass(lookup.entryKey, run.job.id).catch(() => {});
  }
}
