import type { BackendVolume } from "../backends/volume-backend.ts";
import {
  BackendError,
  DaemonError,
  RequestError,
  throwIfAborted,
} from "../errors.ts";
import { contentOf, type ImageMeta } from "../image.ts";
import type { JobContext } from "../jobs/job-context.ts";
import { bytesPerGb } from "../volume.ts";
import type { BackendServices } from "./backend-services.ts";
import { checkImage } from "./check-image.ts";
import { copyVolume } from "./copy-volume.ts";
import { CreateRun, type Served } from "./create-run.ts";
import type { OpenFill } from "./fill-image-volume.ts";
import { finishCreate, finishFailedCreate } from "./finish-create.ts";
import { isPause } from "./is-pause.ts";
import { serveFromCache } from "./serve-from-cache.ts";

/**
 * The life of one create, from the journal to its end: describe the image, serve it from the cache or copy it, and let
 * result, reply and events leave together. An error that is not the daemon's own pause ends the create as failed, with
 * nothing left behind.
 */
export async function createVolume(
  services: BackendServices,
  context: JobContext,
  openFill: OpenFill,
): Promise<void> {
  const { request } = context.job;
  if (request.kind !== "create") {
    throw new TypeError(`job ${context.job.id} is no create`);
  }
  using deadline = deadlineOf(
    context.signal,
    timeLeftMs(context, services.settings.createDeadlineMs),
    request.volumeId,
  );
  const run = new CreateRun(
    services,
    { ...context, signal: deadline.signal },
    request,
  );
  try {
    const served = await serveOrAdopt(run, openFill);
    await finishCreate(services, run, served);
  } catch (error) {
    if (isPause(error, run.context.signal)) {
      throw error;
    }
    await finishFailedCreate(services, run, error);
  }
}

/** A first run begins with the job, so that a clock which differs from Redis' does not matter to it. */
function timeLeftMs(
  { job, isRerun }: JobContext,
  createDeadlineMs: number,
): number {
  const leftMs = job.createdAtMs + createDeadlineMs - Date.now();
  return isRerun ? Math.min(leftMs, createDeadlineMs) : createDeadlineMs;
}

function deadlineOf(
  signal: AbortSignal,
  leftMs: number,
  volumeId: string,
): Disposable & { readonly signal: AbortSignal } {
  const deadline = new AbortController();
  const timer = setTimeout(
    () => {
      deadline.abort(
        new RequestError(
          "DEADLINE_PASSED",
          `volume ${volumeId} was not ready in time (jobs.createDeadline)`,
          { status: 504 },
        ),
      );
    },
    Math.max(0, leftMs),
  );
  return {
    signal: AbortSignal.any([signal, deadline.signal]),
    [Symbol.dispose]: () => {
      clearTimeout(timer);
    },
  };
}

/** A failed create that is asked for again starts anew for its caller. */
function isFirstOfReopened({ job }: CreateRun): boolean {
  return job.isReopened && job.takeovers === 0;
}

/** A run that was cut off from the store may have finished the volume while this one, its heir, worked. */
async function serveOrAdopt(
  run: CreateRun,
  openFill: OpenFill,
): Promise<Served> {
  try {
    return await serve(run, openFill);
  } catch (error) {
    const isTaken =
      error instanceof DaemonError && error.code === "VOLUME_EXISTS";
    const adopted = isTaken && run.context.isRerun ? await adopt(run) : null;
    if (adopted === null) {
      throw error;
    }
    return adopted;
  }
}

async function serve(run: CreateRun, openFill: OpenFill): Promise<Served> {
  const { tools, request, context } = run;
  if (context.isRerun) {
    await run.removeAttempts(context.job.attempts);
    const adopted = await adopt(run);
    if (adopted !== null) {
      return adopted;
    }
  }
  throwIfAborted(context.signal);
  const image = await run.timed("describe", async () => await describe(run));
  run.image = image;
  checkImage(image, request.sizeGb);
  tools.copier.check(image);
  run.content = contentOf(image, tools.settings.freshness);
  if (!context.isRerun || isFirstOfReopened(run)) {
    tools.outboxSender.tell([
      tools.events.createStart(run.job, request.volumeId, image.imageId),
    ]);
  }
  if (!tools.settings.cacheEnabled) {
    return await copyVolume(run, image, "cache-disabled");
  }
  if (request.cache === "bypass") {
    return await copyVolume(run, image, "asked-for");
  }
  if (run.content === null) {
    context.logger.warn("image has no identity: not cached", {
      imageId: image.imageId,
    });
    return await copyVolume(run, image, "no-identity");
  }
  return await serveFromCache(run, image, run.content, openFill);
}

async function describe(run: CreateRun): Promise<ImageMeta> {
  const { access, job, signal } = run.context;
  try {
    return await run.tools.source.describe(run.request.reference, access, {
      signal,
    });
  } catch (error) {
    const isRefused =
      error instanceof DaemonError && error.code === "IMAGE_FORBIDDEN";
    if (
      isRefused &&
      run.request.reference.kind === "glance" &&
      job.access.hadToken &&
      access.authToken === null
    ) {
      throw new RequestError(
        "TOKEN_LOST",
        "the daemon that had the caller's token died; repeat the request",
        { cause: error, status: 401, remoteClass: "NotAuthorized" },
      );
    }
    throw error;
  }
}

/** The volume, when an earlier run of this create had finished it but not yet told so. */
async function adopt(run: CreateRun): Promise<Served | null> {
  if (run.job.isNameTaken) {
    return null; // What is there was looked at before, and is another's.
  }
  const { backend } = run.tools;
  // Its own time: a deadline that has passed must not leave a finished volume behind.
  const signal = AbortSignal.timeout(60_000);
  const name = backend.nameFor({
    kind: "volume",
    volumeId: run.request.volumeId,
  });
  const found = await backend.find(name, { signal });
  if (found === null) {
    return null;
  }
  const { labelledBy } = found;
  if (labelledBy !== null && !run.job.attempts.includes(labelledBy)) {
    throw new BackendError(
      "VOLUME_EXISTS",
      `${found.providerId} is on ${backend.host} already, and belongs to another create, which has ended; use another volume_id`,
      { retry: "never" },
    );
  }
  const sizeGb = adoptedSizeGb(run, found);
  await backend.extendVolume(found, sizeGb * bytesPerGb, { signal });
  const entry =
    run.job.entryKey === null
      ? null
      : await run.tools.cache.get(run.job.entryKey);
  run.content = entry?.content ?? null;
  run.path = pathBeforeTakeover(run);
  run.reason = "finished by an earlier run";
  return {
    providerId: found.providerId,
    sizeGb,
    path: run.path,
    reason: run.reason,
    bytesDownloaded: 0,
  };
}

function adoptedSizeGb(
  { request, job }: CreateRun,
  { sizeBytes }: BackendVolume,
): number {
  const isCut = job.progress?.phase === "clone";
  const bytes = (isCut ? job.progress?.bytesTotal : null) ?? sizeBytes;
  return request.sizeGb ?? Math.ceil(bytes / bytesPerGb);
}

function pathBeforeTakeover(run: CreateRun): Served["path"] {
  if (run.job.progress !== null && run.job.progress.phase !== "clone") {
    // Only a create that copies for itself has one of these.
    return "bypass";
  }
  if (run.job.openedFill) {
    return "miss";
  }
  if (run.job.fillId !== null) {
    return "coalesced";
  }
  return run.job.entryKey === null ? "bypass" : "hit";
}
