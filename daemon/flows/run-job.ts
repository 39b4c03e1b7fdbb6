import { DaemonError, faultOf, LostClaimError } from "../errors.ts";
import type { JobContext } from "../jobs/job-runner.ts";
import type { BackendServices } from "./backend-services.ts";
import { createVolume } from "./create-volume.ts";
import { deleteVolume } from "./delete-volume.ts";
import { fillImageVolume } from "./fill-image-volume.ts";

/** Does a job of any kind to its end. */
export async function runJob(
  services: BackendServices,
  context: JobContext,
): Promise<void> {
  const { kind } = context.job.request;
  switch (kind) {
    case "create":
      await trackCallers(services, context);
      await createVolume(services, context, async (fillId, access) => {
        const fill = await services.jobs.get(fillId);
        if (fill !== null && !fill.isDone) {
          services.runner.run(fill.job, access);
        }
      });
      break;
    case "delete":
      await trackCallers(services, context);
      await deleteVolume(services, context);
      break;
    case "fill":
      await fillImageVolume(services, context);
      break;
    default:
      kind satisfies never;
  }
}

/** After a takeover the callers' heartbeats are this daemon's duty. */
async function trackCallers(
  services: BackendServices,
  context: JobContext,
): Promise<void> {
  if (context.job.takeovers === 0) {
    return;
  }
  for (const target of await services.jobs.replyTargets(context.job.id)) {
    services.heartbeats.track(context.job.id, target);
  }
}

/** Ends a job that killed, or seems to have killed, several daemons; what it may have made is removed first. */
export async function endPoisonedJob(
  services: BackendServices,
  context: JobContext,
): Promise<void> {
  const { job, logger } = context;
  const { backend } = services;
  const signal = AbortSignal.timeout(60_000);
  const poison = new DaemonError(
    `POISON: given up after ${job.takeovers} takeovers; the daemons' logs tell at which step they died`,
    { code: "POISON", retry: "never" },
  );
  logger.error("job given up", { jobId: job.id, error: poison });
  for (const attempt of job.attempts) {
    const name =
      job.request.kind === "fill"
        ? backend.nameFor({
            kind: "image-volume",
            entryKey: job.request.entryKey,
            attempt,
          })
        : backend.nameFor({ kind: "attempt", attempt });
    await backend.deleteVolume(name, { signal });
  }
  const fault = faultOf(poison);
  const { id, token } = job;
  if (job.request.kind === "fill") {
    await services.cache.abandonFill({
      entryKey: job.request.entryKey,
      fillId: id,
      token,
      end: { kind: "bypass", reason: "fill-failed" },
      events: [],
    });
    return;
  }
  const finished = await services.jobs.finish({
    jobId: id,
    token,
    patch: { status: "error", fault },
    outcome: { kind: "failure", fault },
    events: [],
    releaseEntryKey: job.entryKey,
  });
  if (finished.kind === "lost") {
    throw new LostClaimError(`job ${id}`);
  }
  if (finished.kind === "finished") {
    services.outboxSender.send(finished.rows);
  }
}
