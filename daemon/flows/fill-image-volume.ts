import { performance } from "node:perf_hooks";
import type { Access } from "../access.ts";
import type { FillEnd } from "../cache/cache-store.ts";
import { type Fault, faultOf, throwIfAborted } from "../errors.ts";
import type { JobContext } from "../jobs/job-context.ts";
import { ceilGb } from "../volume.ts";
import type { BackendServices } from "./backend-services.ts";
import { commitFill, factsOf } from "./commit-fill.ts";
import { copyImageVolume, type Fill } from "./copy-image-volume.ts";
import { deleteAttempt, underAttempt } from "./fill-attempt.ts";
import { isPause } from "./is-pause.ts";
import { NoRoomError, reserveRoom } from "./reserve-room.ts";
import { restoreImageVolume } from "./restore-image-volume.ts";

/** The caller who opened the fill may not read the image (its token ran out, say): another one opens the next. */
export const fillRefused = "fill-refused";

const fullCodes = new Set(["BACKEND_FULL", "SCRATCH_FULL"]);

/** Starts the fill that a lookup has just opened in the journal. */
export type OpenFill = (fillId: string, access: Access) => Promise<void>;

/**
 * The life of a fill: take the image-volume out of the trash, or read the header, reserve, create, copy, verify, seal,
 * commit. It is a job of its own: the creates that wait for it come and go, and a takeover removes the dead attempt's
 * object before it makes its own.
 */
export async function fillImageVolume(
  services: BackendServices,
  context: JobContext,
): Promise<void> {
  const { request } = context.job;
  if (request.kind !== "fill") {
    throw new TypeError(`job ${context.job.id} is no fill`);
  }
  const abandon = new AbortController();
  const signal = AbortSignal.any([context.signal, abandon.signal]);
  const fill: Fill = {
    services,
    context,
    request,
    abandon,
    signal,
    unwantedSinceMs: null,
  };
  const startedAt = performance.now();
  try {
    await removeAttempts(fill);
    throwIfAborted(signal);
    if (!(await restoreImageVolume(fill, startedAt))) {
      await services.copies.run(async () => {
        await copyAndCommit(fill, startedAt);
      }, signal);
    }
    services.meter.phase("fill", performance.now() - startedAt);
  } catch (error) {
    if (isPause(error, context.signal)) {
      throw error;
    }
    await endWithout(fill, error, performance.now() - startedAt);
  }
}

async function removeAttempts(fill: Fill): Promise<void> {
  for (const attempt of fill.context.job.attempts) {
    await deleteAttempt(fill, attempt);
  }
}

async function copyAndCommit(fill: Fill, startedAt: number): Promise<void> {
  const { services, context, request, signal } = fill;
  await using opened = await services.copier.open(
    request.image,
    context.access,
    { signal, recordChecksum: request.recordChecksum },
  );
  const { virtualSizeBytes } = opened;
  const sizeGb = Math.max(1, ceilGb(virtualSizeBytes));
  await reserveRoom(services, context.job, request, sizeGb, signal);
  await underAttempt(fill, sizeGb, async (name) => {
    const made = await copyImageVolume(fill, opened, name, sizeGb);
    await commitFill(fill, {
      providerId: made.volume.providerId,
      virtualSizeBytes,
      sizeGb,
      checksum: made.copied.checksum,
      bytesDownloaded: made.copied.bytesDownloaded,
      isRestored: false,
      durationMs: Math.round(performance.now() - startedAt),
    });
  });
}

async function endWithout(
  fill: Fill,
  error: unknown,
  spentMs: number,
): Promise<void> {
  const { services, context, request } = fill;
  const reason: unknown = fill.signal.aborted ? fill.signal.reason : error;
  const fault = faultOf(reason);
  const end = endOf(reason, fault, services.settings.rememberFailuresMs);
  const fields = { content: request.content, imageId: request.image.imageId };
  if (fault.code === "INTERNAL" && !(reason instanceof NoRoomError)) {
    context.logger.error("fill failed unexpectedly", { ...fields, error });
  } else {
    context.logger.warn("fill ended without an image-volume", {
      ...fields,
      code: reason instanceof NoRoomError ? reason.reason : fault.code,
      message: reason instanceof NoRoomError ? undefined : fault.message,
    });
  }
  const abandoned = await services.cache.abandonFill({
    entryKey: request.entryKey,
    fillId: context.job.id,
    token: context.job.token,
    end,
    events: [
      services.events.fill("error", context.job, {
        ...factsOf(request),
        error_code: end.kind === "bypass" ? end.reason : fault.code,
        message: end.kind === "bypass" ? end.reason : fault.message,
        duration_ms: Math.round(spentMs),
      }),
    ],
  });
  if (abandoned.kind === "abandoned") {
    services.outboxSender.send(abandoned.rows);
  }
}

/**
 * A fault of the image is everybody's, and remembered when another try is useless; whatever else went wrong here need
 * not fail a create that can copy for itself.
 */
function endOf(reason: unknown, fault: Fault, rememberMs: number): FillEnd {
  if (reason instanceof NoRoomError) {
    return { kind: "bypass", reason: reason.reason };
  }
  if (fault.scope === "image") {
    return {
      kind: "failed",
      fault,
      rememberMs: fault.retry === "never" ? rememberMs : 0,
    };
  }
  if (fullCodes.has(fault.code)) {
    // A copy for each of them needs as much room.
    return { kind: "failed", fault, rememberMs: 0 };
  }
  return {
    kind: "bypass",
    reason: fault.scope === "request" ? fillRefused : "fill-failed",
  };
}
