import { DaemonError, type Fault, faultOf, LostClaimError } from "../errors.ts";
import { imageIdOf } from "../image.ts";
import { DrainError } from "../jobs/job-context.ts";
import type { VolumePatch } from "../jobs/job-store.ts";
import type { EventMessage, Outcome } from "../jobs/job.ts";
import { bytesPerGb, type VolumeRecord } from "../volume.ts";
import type { BackendServices } from "./backend-services.ts";
import type { CreateRun, Served } from "./create-run.ts";
import { volumeView } from "./volume-view.ts";

/** Ends a create well. */
export async function finishCreate(
  services: BackendServices,
  run: CreateRun,
  served: Served,
): Promise<void> {
  run.timingsMs["total"] = run.elapsedMs;
  const patch: VolumePatch = {
    status: "available",
    sizeGb: served.sizeGb,
    imageId: run.image?.imageId ?? imageIdOf(run.request.reference),
    content: run.content,
    providerId: served.providerId,
    path: served.path,
    reason: served.reason,
    timingsMs: run.timingsMs,
    fault: null,
  };
  const view = volumeView(recordOf(run, patch), services.backend, null);
  await end(
    services,
    run,
    patch,
    { kind: "result", result: view },
    null,
    served,
  );
  run.context.logger.info("created", {
    volumeId: run.request.volumeId,
    imageId: run.image?.imageId,
    path: served.path,
    reason: served.reason,
    sizeGb: served.sizeGb,
    bytesDownloaded: served.bytesDownloaded,
    timingsMs: run.timingsMs,
  });
  await label(services, run, served);
}

/**
 * After the reply: nobody waits for it, and the volume is good without it. A create that was cancelled too late has no
 * record to show for its volume: the delete that follows takes that for a leftover, which a label would protect.
 */
async function label(
  { volumes }: BackendServices,
  run: CreateRun,
  served: Served,
): Promise<void> {
  const { request, job, tools, context } = run;
  const volume = {
    providerId: served.providerId,
    sizeBytes: served.sizeGb * bytesPerGb,
  };
  const facts = {
    volumeId: request.volumeId,
    projectId: job.access.projectId,
    imageId: run.image?.imageId ?? imageIdOf(request.reference),
    attempt: job.attempts[0] ?? "",
  };
  using stop = stopOnDrain(context.signal);
  try {
    const record = await volumes.get(request.volumeId);
    if (record?.providerId !== served.providerId) {
      return;
    }
    await tools.backend.labelVolume(volume, facts, {
      signal: AbortSignal.any([stop.signal, AbortSignal.timeout(60_000)]),
    });
  } catch (error) {
    context.logger.warn("volume not labelled on the backend", {
      volumeId: request.volumeId,
      error,
    });
  }
}

/** The job is closed, so of all that may happen to it only the end of the daemon matters. */
function stopOnDrain(
  signal: AbortSignal,
): Disposable & { readonly signal: AbortSignal } {
  const stop = new AbortController();
  const onAbort = () => {
    if (signal.reason instanceof DrainError) {
      stop.abort(signal.reason);
    }
  };
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) {
    onAbort();
  }
  return {
    signal: stop.signal,
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", onAbort);
    },
  };
}

/** The record as the journal has it once the job is finished, without reading it back. */
function recordOf(run: CreateRun, patch: VolumePatch): VolumeRecord {
  const { request, job, tools } = run;
  return {
    volumeId: request.volumeId,
    role: "volume",
    status: "available",
    projectId: job.access.projectId,
    userId: job.access.userId,
    name: request.name,
    metadata: request.metadata,
    backend: tools.backend.name,
    host: tools.backend.host,
    sizeGb: null,
    imageId: null,
    content: null,
    providerId: null,
    path: null,
    reason: null,
    timingsMs: {},
    fault: null,
    createdAtMs: job.createdAtMs,
    updatedAtMs: Date.now(),
    digest: "",
    jobId: job.id,
    ...patch,
  };
}

/** Ends a create that failed; what it had made was removed before, as far as the backend let it. */
export async function finishFailedCreate(
  services: BackendServices,
  run: CreateRun,
  error: unknown,
): Promise<void> {
  const { signal } = run.context;
  const reason: unknown = signal.aborted ? signal.reason : error;
  const fault = faultOf(reason instanceof DaemonError ? reason : error);
  if (fault.code === "INTERNAL") {
    run.context.logger.error("create failed unexpectedly", { error });
  }
  const patch: VolumePatch = {
    status: "error",
    imageId: run.image?.imageId ?? imageIdOf(run.request.reference),
    content: run.content,
    path: run.path,
    reason: run.reason,
    fault,
    timingsMs: { ...run.timingsMs, total: run.elapsedMs },
  };
  await end(services, run, patch, { kind: "failure", fault }, fault, null);
  run.context.logger.info("create failed", {
    volumeId: run.request.volumeId,
    imageId: run.image?.imageId,
    path: run.path,
    code: fault.code,
    message: fault.message,
    durationMs: run.elapsedMs,
  });
}

async function end(
  services: BackendServices,
  run: CreateRun,
  patch: VolumePatch,
  outcome: Outcome,
  fault: Fault | null,
  served: Served | null,
): Promise<void> {
  const finished = await services.jobs.finish({
    jobId: run.job.id,
    token: run.job.token,
    patch,
    outcome,
    events: eventsOf(services, run, fault, served),
    releaseEntryKey: run.entryKey ?? run.job.entryKey,
  });
  if (finished.kind === "lost") {
    throw new LostClaimError(`create of volume ${run.request.volumeId}`);
  }
  services.heartbeats.stop(run.job.id);
  if (finished.kind === "finished") {
    services.outboxSender.send(finished.rows);
    services.meter.created(
      run.path,
      fault === null ? "success" : "error",
      run.elapsedMs,
    );
  }
}

/**
 * Refused before the lookup, or with the cache switched off: no hit and no miss, as in Cinder. Otherwise exactly one.
 */
function eventsOf(
  services: BackendServices,
  run: CreateRun,
  fault: Fault | null,
  served: Served | null,
): readonly EventMessage[] {
  const facts = {
    job: run.job,
    volumeId: run.request.volumeId,
    imageId: run.image?.imageId ?? imageIdOf(run.request.reference),
    content: run.content,
    sizeGb: served?.sizeGb ?? run.request.sizeGb,
    reason: run.reason,
    durationMs: run.elapsedMs,
    bytesDownloaded: served?.bytesDownloaded ?? 0,
    fault,
  };
  const { path } = run;
  const { events, settings } = services;
  return [
    ...(path !== null && settings.cacheEnabled
      ? [events.lookup({ ...facts, path })]
      : []),
    ...(run.image === null && path === null
      ? []
      : [events.createEnd({ ...facts, path })]),
  ];
}
