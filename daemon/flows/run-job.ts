import type { JobContext } from "../jobs/job-context.ts";
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
  if (!context.isRerun) {
    return;
  }
  for (const target of await services.jobs.replyTargets(context.job.id)) {
    services.heartbeats.track(context.job.id, target);
  }
}
