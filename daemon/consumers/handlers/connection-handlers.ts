import type { BackendVolume } from "../../backends/volume-backend.ts";
import { CancelledError, RequestError } from "../../errors.ts";
import {
  bytesPerGb,
  type VolumeRecord,
  type VolumeStatus,
} from "../../volume.ts";
import type { RpcHandler, RpcRequest } from "../rpc-request.ts";
import { ArgumentReader } from "./argument-reader.ts";
import { answer, type HandlerTools, visibleVolume } from "./handler-tools.ts";
import { readConnector } from "./read-connector.ts";

/** Longest time that a backend gets for a connection, also when the caller would wait longer. */
const maxWaitMs = 60_000;

/** Answers `initialize_connection`: lets a host reach a volume, and tells it how, in Cinder's form. */
export function initializeConnectionHandler(tools: HandlerTools): RpcHandler {
  return async (request, { signal: stop }) => {
    const args = new ArgumentReader(request.method, request.args);
    const volumeId = args.requiredUuid("volume_id");
    const given = args.requiredObject("connector");
    args.done();
    const connector = readConnector(request.method, given);
    const found = await visibleVolume(tools, request, volumeId);
    if ("kind" in found) {
      return found;
    }
    const { services, volume } = found;
    const target = connectable(volume, ["available"]);
    const info = await inTime(
      request,
      stop,
      async (signal) =>
        await services.backend.initializeConnection(target, connector, {
          signal,
        }),
    );
    return answer({
      driver_volume_type: info.driverVolumeType,
      data: info.data,
    });
  };
}

/** Answers `terminate_connection`: undoes it for one host, or without a connector for all of them. */
export function terminateConnectionHandler(tools: HandlerTools): RpcHandler {
  return async (request, { signal: stop }) => {
    const args = new ArgumentReader(request.method, request.args);
    const volumeId = args.requiredUuid("volume_id");
    const given = args.object("connector");
    args.done();
    const connector =
      given === null ? null : readConnector(request.method, given);
    const found = await visibleVolume(tools, request, volumeId);
    if ("kind" in found) {
      return found;
    }
    const { services, volume } = found;
    // A deletion that failed because hosts were connected can only be repeated after this.
    const target = connectable(volume, ["available", "error", "deleting"]);
    await inTime(request, stop, async (signal) => {
      await services.backend.terminateConnection(target, connector, { signal });
    });
    return answer({ volume_id: volumeId, status: "disconnected" });
  };
}

/** The volume on its backend, if hosts may have to do with it. */
function connectable(
  volume: VolumeRecord,
  statuses: readonly VolumeStatus[],
): BackendVolume {
  const { volumeId, role, status, providerId } = volume;
  if (role === "image-volume") {
    throw new RequestError(
      "IMAGE_VOLUME_PROTECTED",
      `${volumeId} is an image-volume, which volumes are cloned from: no host is connected to it`,
      { remoteClass: "InvalidVolume", status: 409 },
    );
  }
  if (!statuses.includes(status) || providerId === null) {
    throw new RequestError(
      "VOLUME_NOT_AVAILABLE",
      `volume ${volumeId} is ${status}; it has to be ${statuses.join(" or ")}, and to exist on its backend`,
      { remoteClass: "InvalidVolume", status: 409 },
    );
  }
  return { providerId, sizeBytes: (volume.sizeGb ?? 0) * bytesPerGb };
}

/** Does the work while somebody waits for its answer; what a backend began is complete or undone by a repetition. */
async function inTime<T>(
  { reply, method }: RpcRequest,
  stop: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const leftMs = (reply?.deadlineMs ?? Infinity) - Date.now();
  const waitMs = Math.max(0, Math.min(maxWaitMs, leftMs));
  const over = new AbortController();
  const stopped = (): void => {
    over.abort(new CancelledError(`ivcd stops; repeat the ${method}`));
  };
  const timer = setTimeout(() => {
    over.abort(
      new RequestError(
        "DEADLINE_PASSED",
        `${method} was not done within ${Math.round(waitMs)} ms; repeat it`,
        { status: 504 },
      ),
    );
  }, waitMs);
  stop.addEventListener("abort", stopped);
  if (stop.aborted) {
    stopped();
  }
  try {
    return await work(over.signal);
  } catch (error) {
    throw over.signal.aborted ? over.signal.reason : error;
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", stopped);
  }
}
