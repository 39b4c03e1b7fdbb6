import { storedAccess } from "../../access.ts";
import { RequestError } from "../../errors.ts";
import type { BackendServices } from "../../flows/backend-services.ts";
import { contentKey } from "../../image.ts";
import type { VolumeRecord } from "../../volume.ts";
import type { HandlerResult, RpcHandler, RpcRequest } from "../rpc-request.ts";
import { ArgumentReader } from "./argument-reader.ts";
import { evictEntry } from "./evict-entry.ts";
import {
  answer,
  findVolume,
  type HandlerTools,
  maySee,
  newJobId,
  volumeNotFound,
} from "./handler-tools.ts";

/** Answers `delete_volume`: absent is deleted; while creating it cancels; on an image-volume it evicts. */
export function deleteVolumeHandler(tools: HandlerTools): RpcHandler {
  return async (request) => {
    const args = new ArgumentReader(request.method, request.args);
    const volumeId = args.requiredUuid("volume_id");
    args.done();
    const deleted = answer({ volume_id: volumeId, status: "deleted" });
    const found = await findVolume(tools, volumeId);
    if (found === null) {
      return deleted;
    }
    if ("kind" in found) {
      return request.wasForwarded
        ? deleted
        : { kind: "forward", backend: found.backend };
    }
    const { services, volume } = found;
    if (volume.status === "deleted") {
      return deleted;
    }
    if (!maySee(request, volume)) {
      throw volumeNotFound(volumeId);
    }
    return volume.role === "image-volume"
      ? await deleteImageVolume(services, volume)
      : await accept(services, request, volumeId, deleted);
  };
}

async function deleteImageVolume(
  services: BackendServices,
  volume: VolumeRecord,
): Promise<HandlerResult> {
  if (volume.content === null) {
    throw new RequestError(
      "VOLUME_CONFLICT",
      `image-volume ${volume.volumeId} has no content recorded; evict it by cache_evict`,
    );
  }
  await evictEntry(services, contentKey(volume.content), volume.content);
  return answer({ volume_id: volume.volumeId, status: "deleted" });
}

async function accept(
  services: BackendServices,
  request: RpcRequest,
  volumeId: string,
  deleted: HandlerResult,
): Promise<HandlerResult> {
  const opened = await services.jobs.openDelete({
    jobId: newJobId("delete", volumeId),
    request: { kind: "delete", volumeId, afterJobId: null },
    access: storedAccess(request.access),
    reply: request.reply,
  });
  switch (opened.kind) {
    case "opened":
      services.outboxSender.tell([
        services.events.delete("start", opened.job, volumeId),
      ]);
      services.heartbeats.track(opened.job.id, request.reply);
      services.runner.run(opened.job, request.access);
      return { kind: "accepted" };
    case "running":
      services.heartbeats.track(opened.jobId, request.reply);
      return { kind: "accepted" };
    case "absent":
      return deleted;
    default:
      return opened satisfies never;
  }
}
