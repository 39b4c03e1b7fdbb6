import { DaemonError, faultOf, LostClaimError } from "../errors.ts";
import type { JobContext } from "../jobs/job-context.ts";
import type { Job } from "../jobs/job.ts";
import type { BackendServices } from "./backend-services.ts";
import { CreateRun } from "./create-run.ts";
import { finishFailedCreate } from "./finish-create.ts";

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
  await removeAttempts(services, job);
  const fault = faultOf(poison);
  const { id, token } = job;
  if (job.request.kind === "fill") {
    await services.cache.abandonFill({
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

async function removeAttempts(
  { backend }: BackendServices,
  { request, attempts }: Job,
): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  for (const attempt of attempts) {
    const name =
      request.kind === "fill"
        ? backend.nameFor({
            kind: "image-volume",
            entryKey: request.entryKey,
            attempt,
          })
        : backend.nameFor({ kind: "attempt", attempt });
    await backend.deleteVolume(name, { signal });
  }
}
