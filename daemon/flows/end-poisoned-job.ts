import type { VolumeBackend } from "../backends/volume-backend.ts";
import { DaemonError, faultOf, LostClaimError } from "../errors.ts";
import type { JobContext } from "../jobs/job-context.ts";
import type { Job } from "../jobs/job.ts";
import type { BackendServices } from "./backend-services.ts";
import { CreateRun } from "./create-run.ts";
import { finishFailedCreate } from "./finish-create.ts";
import { removeUnfinished } from "./remove-unfinished.ts";

/** Ends a job that killed, or seems to have killed, several daemons; what it may have made is removed first. */
export async function endPoisonedJob(
  services: BackendServices,
  context: JobContext,
): Promise<void> {
  const { job, logger } = context;
  const poison = new DaemonError(
    `POISON: given up after ${job.takeovers} takeovers; the daemons' logs tell at which step they died`,
    { code: "POISON", retry: "never" },
  );
  logger.error("job given up", { jobId: job.id, error: poison });
  await removeObjects(services, context);
  const fault = faultOf(poison);
  const { id, token } = job;
  if (job.request.kind === "fill") {
    const abandoned = await services.cache.abandonFill({
      entryKey: job.request.entryKey,
      fillId: id,
      token,
      end: { kind: "bypass", reason: "fill-failed" },
      events: [
        services.events.fill("error", job, {
          image_id: job.request.image.imageId,
          content: job.request.content,
          volume_id: job.request.imageVolumeId,
          error_code: fault.code,
          message: fault.message,
        }),
      ],
    });
    if (abandoned.kind === "abandoned") {
      services.outboxSender.send(abandoned.rows);
    }
    return;
  }
  if (job.request.kind === "create") {
    const run = new CreateRun(services, context, job.request);
    // It had asked the cache, so its event is due.
    run.path = job.entryKey === null ? null : "miss";
    await finishFailedCreate(services, run, poison);
    return;
  }
  const finished = await services.jobs.finish({
    jobId: id,
    token,
    patch: { status: "error", fault },
    outcome: { kind: "failure", fault },
    events: [],
    releaseEntryKey: null,
  });
  if (finished.kind === "lost") {
    throw new LostClaimError(`job ${id}`);
  }
  if (finished.kind === "finished") {
    services.outboxSender.send(finished.rows);
  }
}

/** What the backend refuses to delete must not keep the caller without an answer. */
async function removeObjects(
  { backend }: BackendServices,
  { job, logger }: JobContext,
): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  for (const name of objectsOf(job, backend)) {
    try {
      await removeUnfinished(backend, name, { signal });
    } catch (error) {
      logger.error("left behind by a job that was given up", { name, error });
    }
  }
}

function objectsOf(
  { request, attempts }: Job,
  backend: VolumeBackend,
): readonly string[] {
  switch (request.kind) {
    case "fill":
      return attempts.map((attempt) =>
        backend.nameFor({
          kind: "image-volume",
          entryKey: request.entryKey,
          attempt,
        }),
      );
    case "create":
      return [
        ...attempts.map((attempt) =>
          backend.nameFor({ kind: "attempt", attempt }),
        ),
        backend.nameFor({ kind: "volume", volumeId: request.volumeId }),
      ];
    case "delete":
      return [];
    default:
      return request satisfies never;
  }
}
