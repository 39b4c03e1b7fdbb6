import { randomBytes } from "node:crypto";
import type { BackendRegistry } from "../../backends/backend-registry.ts";
import { type DaemonError, RequestError } from "../../errors.ts";
import type { BackendServices } from "../../flows/backend-services.ts";
import type { VolumeDirectory } from "../../jobs/volume-store.ts";
import type { VolumeRecord } from "../../volume.ts";
import type { HandlerResult, RpcRequest } from "../rpc-request.ts";

/** What the handlers work with. */
export interface HandlerTools {
  readonly registry: BackendRegistry<BackendServices>;
  readonly directory: VolumeDirectory;
}

/** Services of the backend a request names, or the order to pass the request on. */
export function servicesFor(
  tools: HandlerTools,
  request: RpcRequest,
  name: string,
): BackendServices | (HandlerResult & { kind: "forward" }) {
  const services = tools.registry.get(name);
  if (services !== null) {
    return services;
  }
  return request.wasForwarded
    ? tools.registry.refuse(name)
    : { kind: "forward", backend: name };
}

/** True for what `servicesFor` answers when another daemon has to serve. */
export function isForward(
  found: BackendServices | (HandlerResult & { kind: "forward" }),
): found is HandlerResult & { kind: "forward" } {
  return "kind" in found;
}

/** A result to be sent as it is. */
export function answer(result: unknown): HandlerResult {
  return { kind: "answer", outcome: { kind: "result", result } };
}

/** @throws {DaemonError} `FORBIDDEN` for callers that are no administrators. */
export function requireAdmin(request: RpcRequest): void {
  if (!isAdmin(request)) {
    throw new RequestError(
      "FORBIDDEN",
      `${request.method} needs an administrator: is_admin in the context${request.mayAdministrate ? "" : ", sent by a broker user of rpc.adminBrokerUsers"}`,
      { remoteClass: "PolicyNotAuthorized", status: 403 },
    );
  }
}

/** Whether a request may do what administrators may. */
export function isAdmin(request: RpcRequest): boolean {
  return request.access.isAdmin && request.mayAdministrate;
}

/** Whether a volume exists for this caller: its project's own; everything for administrators. */
export function maySee(request: RpcRequest, volume: VolumeRecord): boolean {
  return isAdmin(request) || volume.projectId === request.access.projectId;
}

/** Cinder's `VolumeNotFound`, also for what the caller may not see. */
export function volumeNotFound(volumeId: string): DaemonError {
  return new RequestError(
    "VOLUME_NOT_FOUND",
    `there is no volume ${volumeId} in this project`,
    { remoteClass: "VolumeNotFound", status: 404 },
  );
}

/** A volume that was found, and the services of the backend that has it. */
export interface FoundVolume {
  readonly services: BackendServices;
  readonly volume: VolumeRecord;
}

/** The record of a volume wherever it is; null when no backend of this daemon has it. */
export async function findVolume(
  tools: HandlerTools,
  volumeId: string,
): Promise<
  FoundVolume | { readonly kind: "elsewhere"; readonly backend: string } | null
> {
  const name = await tools.directory.backendOf(volumeId);
  const hinted = name === null ? null : tools.registry.get(name);
  if (name !== null && hinted === null) {
    return { kind: "elsewhere", backend: name };
  }
  const candidates = hinted === null ? tools.registry.all() : [hinted];
  for (const services of candidates) {
    const volume = await services.volumes.get(volumeId);
    if (volume !== null) {
      return { services, volume };
    }
  }
  return null;
}

/**
 * A volume that the caller may see, or the order to pass the request on.
 *
 * @throws {DaemonError} `VOLUME_NOT_FOUND`, also for a deleted one.
 */
export async function visibleVolume(
  tools: HandlerTools,
  request: RpcRequest,
  volumeId: string,
): Promise<FoundVolume | (HandlerResult & { kind: "forward" })> {
  const found = await findVolume(tools, volumeId);
  if (found !== null && "kind" in found) {
    if (request.wasForwarded) {
      throw volumeNotFound(volumeId);
    }
    return { kind: "forward", backend: found.backend };
  }
  if (
    found === null ||
    found.volume.status === "deleted" ||
    !maySee(request, found.volume)
  ) {
    throw volumeNotFound(volumeId);
  }
  return found;
}

/** A job id that says what it is for. */
export function newJobId(kind: "create" | "delete", volumeId: string): string {
  return `${kind}-${volumeId}-${randomBytes(4).toString("hex")}`;
}
