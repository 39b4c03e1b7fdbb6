import { type DaemonError, RequestError } from "../../errors.ts";
import type { BackendServices } from "../../flows/backend-services.ts";

/**
 * Evicts an entry because somebody asked for it; returns once the backend confirmed.
 *
 * @throws {DaemonError} `NOT_CACHED`, or `BUSY` while clones or a fill use it.
 */
export async function evictEntry(
  services: BackendServices,
  entryKey: string,
  what: string,
): Promise<void> {
  const evicted = await services.evictor.evict(entryKey, "manual", false);
  switch (evicted.kind) {
    case "evicting":
      return;
    case "absent":
      throw notCached(what, services.backend.name);
    case "filling":
      throw busy(`${what} is being filled; try again when that is done`);
    case "busy":
      throw busy(
        `${evicted.leases} clones of ${what} are running; try again in a moment`,
      );
    default:
      evicted satisfies never;
  }
}

/** What is asked for is not in the cache. */
export function notCached(what: string, backend: string): DaemonError {
  return new RequestError(
    "NOT_CACHED",
    `${what} is not in the cache of backend ${backend}; cache_list shows what is`,
    { status: 404, remoteClass: "ImageNotFound" },
  );
}

function busy(message: string): DaemonError {
  return new RequestError("BUSY", message, {
    status: 409,
    remoteClass: "InvalidVolume",
  });
}
