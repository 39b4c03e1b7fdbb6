import { LostClaimError } from "../errors.ts";
import type { FillRequest } from "../jobs/job.ts";
import type { Fill } from "./copy-image-volume.ts";

/** What a fill made, or got back out of the trash. */
export interface Made {
  readonly providerId: string;
  readonly virtualSizeBytes: number;
  readonly sizeGb: number;
  readonly checksum: string | null;
  readonly bytesDownloaded: number;
  readonly isRestored: boolean;
  readonly durationMs: number;
}

/** Makes the entry ready, gives every waiter its lease and ends the fill. */
export async function commitFill(fill: Fill, made: Made): Promise<void> {
  const { services, context, request } = fill;
  const { durationMs, ...facts } = made;
  const committed = await services.cache.commit({
    ...facts,
    entryKey: request.entryKey,
    fillId: context.job.id,
    token: context.job.token,
    host: services.backend.host,
    internalProjectId: services.settings.internalProjectId,
    internalUserId: services.settings.internalUserId,
    events: [
      services.events.fill("end", context.job, {
        ...factsOf(request),
        size_gb: made.sizeGb,
        reason: originOf(made),
        bytes_downloaded: made.bytesDownloaded,
        duration_ms: durationMs,
      }),
    ],
  });
  if (committed.kind === "lost") {
    throw new LostClaimError(`fill of ${request.content}`);
  }
  services.outboxSender.send(committed.rows);
  services.meter.filled(originOf(made));
  context.logger.info(made.isRestored ? "restored" : "filled", {
    imageId: request.image.imageId,
    content: request.content,
    providerId: made.providerId,
    sizeGb: made.sizeGb,
    bytesDownloaded: made.bytesDownloaded,
    fillMs: durationMs,
  });
}

function originOf({ isRestored }: Made): "downloaded" | "restored" {
  return isRestored ? "restored" : "downloaded";
}

/** What every event of a fill tells. */
export function factsOf(request: FillRequest): Record<string, unknown> {
  return {
    image_id: request.image.imageId,
    content: request.content,
    volume_id: request.imageVolumeId,
  };
}
