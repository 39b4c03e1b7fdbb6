import {
  type Fault,
  faultOf,
  LostClaimError,
  throwIfAborted,
} from "../errors.ts";
import type { JobContext } from "../jobs/job-context.ts";
import type { VolumePatch } from "../jobs/job-store.ts";
import type { DeleteRequest } from "../jobs/job.ts";
import type { VolumeRecord } from "../volume.ts";
import type { BackendServices } from "./backend-services.ts";
import { isPause } from "./is-pause.ts";
import { removeUnfinished } from "./remove-unfinished.ts";

const createPollMs = 1000;

/** The life of one delete: let a create in work end first, delete on the backend, leave a tombstone. */
export async function deleteVolume(
  services: BackendServices,
  context: JobContext,
): Promise<void> {
  const { job, signal } = context;
  const { request } = job;
  if (request.kind !== "delete") {
    throw new TypeError(`job ${job.id} is no delete`);
  }
  let record: VolumeRecord | null = null;
  try {
    await waitForCreate(services, request, signal);
    record = await services.volumes.get(request.volumeId);
    await deleteOnBackend(services, context, request.volumeId, record);
    await end(services, context, request, null);
  } catch (error) {
    if (isPause(error, signal)) {
      throw error;
    }
    const wasMade = (record?.providerId ?? null) !== null;
    await end(services, context, request, { error, wasMade });
  }
}

/**
 * By the name it was made with. A create that never ended may have left something; what ended well is another's, and a
 * create that found the name taken has made nothing.
 */
async function deleteOnBackend(
  { backend }: BackendServices,
  { signal, logger }: JobContext,
  volumeId: string,
  record: VolumeRecord | null,
): Promise<void> {
  const made = record?.providerId ?? null;
  if (made !== null) {
    await backend.deleteVolume(made, { signal });
    return;
  }
  const name = backend.nameFor({ kind: "volume", volumeId });
  const isAnothers =
    record?.fault?.code === "VOLUME_EXISTS" ||
    !(await removeUnfinished(backend, name, { signal }));
  if (isAnothers) {
    logger.warn("record deleted, and not the volume: another create made it", {
      volumeId,
      providerId: name,
    });
  }
}

async function waitForCreate(
  services: BackendServices,
  request: DeleteRequest,
  signal: AbortSignal,
): Promise<void> {
  if (request.afterJobId === null) {
    return;
  }
  for (;;) {
    throwIfAborted(signal);
    using change = services.watch.begin(request.afterJobId);
    const found = await services.jobs.get(request.afterJobId);
    if (found === null || found.isDone) {
      return;
    }
    await change.changed(createPollMs, signal);
  }
}

/** A volume that a host still reaches was not touched: it is what it was. */
function patchOf(fault: Fault | null, wasMade: boolean): VolumePatch {
  if (fault === null) {
    return { status: "deleted" };
  }
  return fault.code === "VOLUME_IN_USE" && wasMade
    ? { status: "available", fault: null }
    : { status: "error", fault };
}

async function end(
  services: BackendServices,
  context: JobContext,
  request: DeleteRequest,
  failure: { readonly error: unknown; readonly wasMade: boolean } | null,
): Promise<void> {
  const { job, logger } = context;
  const { volumeId } = request;
  const fault = failure === null ? null : faultOf(failure.error);
  const finished = await services.jobs.finish({
    jobId: job.id,
    token: job.token,
    patch: patchOf(fault, failure?.wasMade ?? false),
    outcome:
      fault === null
        ? { kind: "result", result: { volume_id: volumeId, status: "deleted" } }
        : { kind: "failure", fault },
    events:
      fault === null ? [services.events.delete("end", job, volumeId)] : [],
    releaseEntryKey: null,
  });
  if (finished.kind === "lost") {
    throw new LostClaimError(`delete of volume ${volumeId}`);
  }
  services.heartbeats.stop(job.id);
  if (finished.kind === "finished") {
    services.outboxSender.send(finished.rows);
  }
  if (fault === null) {
    logger.info("deleted", { volumeId });
    await services.directory.forget(volumeId).catch((error: unknown) => {
      logger.warn("place of a deleted volume not forgotten", {
        volumeId,
        error,
      });
    });
  } else {
    logger.error("delete failed", { volumeId, error: failure?.error });
  }
}
