import type { BackendServices } from "../../flows/backend-services.ts";
import { volumeView } from "../../flows/volume-view.ts";
import {
  type Progress,
  volumeStatuses,
  type VolumeRecord,
} from "../../volume.ts";
import type { RpcHandler, RpcRequest } from "../rpc-request.ts";
import { ArgumentReader } from "./argument-reader.ts";
import {
  answer,
  type HandlerTools,
  requireAdmin,
  isForward,
  servicesFor,
  visibleVolume,
} from "./handler-tools.ts";

const maxPage = 1000;

/** Answers `get_volume`; while the volume is made, with the progress of its copy. */
export function getVolumeHandler(tools: HandlerTools): RpcHandler {
  return async (request) => {
    const args = new ArgumentReader(request.method, request.args);
    const volumeId = args.requiredUuid("volume_id");
    args.done();
    const found = await visibleVolume(tools, request, volumeId);
    if ("kind" in found) {
      return found;
    }
    const { services, volume } = found;
    return answer(
      volumeView(volume, services.backend, await progressOf(services, volume)),
    );
  };
}

async function progressOf(
  services: BackendServices,
  volume: VolumeRecord,
): Promise<Progress | null> {
  if (volume.status !== "creating") {
    return null;
  }
  const create = await services.jobs.get(volume.jobId);
  if (create === null || create.isDone) {
    return null;
  }
  if (create.job.progress !== null || create.job.fillId === null) {
    return create.job.progress;
  }
  const fill = await services.jobs.get(create.job.fillId);
  return fill?.job?.progress ?? null;
}

/** Answers `list_volumes`: those of the caller's project, or of all for administrators that ask for it. */
export function listVolumesHandler(tools: HandlerTools): RpcHandler {
  return async (request) => {
    const args = new ArgumentReader(request.method, request.args);
    const allTenants = args.flag("all_tenants");
    if (allTenants) {
      requireAdmin(request);
    }
    const filter = {
      projectId: request.access.projectId,
      allProjects: allTenants,
      status: args.oneOf("status", volumeStatuses),
      imageId: args.text("image_id"),
      limit: args.wholeNumber("limit", 1, maxPage) ?? maxPage,
      marker: args.uuid("marker"),
    };
    const backend = args.text("backend");
    args.done();
    const services = backendsOf(tools, request, backend);
    if (!Array.isArray(services)) {
      return services;
    }
    const pages = await Promise.all(
      services.map(async (each: BackendServices) =>
        (await each.volumes.list(filter)).map((volume) => ({
          id: volume.volumeId,
          view: volumeView(volume, each.backend, null),
        })),
      ),
    );
    const page = pages
      .flat()
      .toSorted((one, other) => (one.id < other.id ? -1 : 1))
      .slice(0, filter.limit);
    return answer({
      volumes: page.map((each) => each.view),
      next_marker:
        page.length === filter.limit ? (page.at(-1)?.id ?? null) : null,
    });
  };
}

function backendsOf(
  tools: HandlerTools,
  request: RpcRequest,
  backend: string | null,
) {
  if (backend === null) {
    return [...tools.registry.all()];
  }
  const services = servicesFor(tools, request, backend);
  return isForward(services) ? services : [services];
}
