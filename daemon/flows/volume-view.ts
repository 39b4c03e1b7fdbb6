import type { VolumeBackend } from "../backends/volume-backend.ts";
import { bytesPerGb, type Progress, type VolumeRecord } from "../volume.ts";

/** A volume as RPC callers see it. Sizes in GiB, times as ISO 8601, the connection in Cinder's form. */
export type VolumeView = Readonly<Record<string, unknown>>;

/** What callers see of a record; `progress` while it is being made. */
export function volumeView(
  volume: VolumeRecord,
  backend: VolumeBackend,
  progress: Progress | null,
): VolumeView {
  return {
    volume_id: volume.volumeId,
    role: volume.role,
    status: volume.status,
    size: volume.sizeGb,
    backend: volume.backend,
    host: volume.host,
    provider_id: volume.providerId,
    connection: connectionView(volume, backend),
    image_id: volume.imageId,
    content: volume.content,
    path: volume.path,
    reason: volume.reason,
    timings_ms: volume.timingsMs,
    name: volume.name,
    project_id: volume.projectId,
    user_id: volume.userId,
    metadata: volume.metadata,
    created_at: new Date(volume.createdAtMs).toISOString(),
    updated_at: new Date(volume.updatedAtMs).toISOString(),
    error:
      volume.fault === null
        ? null
        : { code: volume.fault.code, message: volume.fault.message },
    progress: progress === null ? null : progressView(progress),
  };
}

function connectionView(
  volume: VolumeRecord,
  backend: VolumeBackend,
): VolumeView | null {
  if (volume.providerId === null || volume.status !== "available") {
    return null;
  }
  const info = backend.connectionInfo({
    providerId: volume.providerId,
    sizeBytes: (volume.sizeGb ?? 0) * bytesPerGb,
  });
  return info === null
    ? null
    : { driver_volume_type: info.driverVolumeType, data: info.data };
}

function progressView(progress: Progress): VolumeView {
  const { phase, bytesDone, bytesTotal, rate } = progress;
  return {
    phase,
    bytes_done: bytesDone,
    bytes_total: bytesTotal,
    percent:
      bytesTotal === null || bytesTotal === 0
        ? null
        : Math.floor((100 * bytesDone) / bytesTotal),
    rate,
  };
}
