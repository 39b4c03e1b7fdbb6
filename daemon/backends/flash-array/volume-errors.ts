import { BackendError } from "../../errors.ts";
import type { VolumeItem } from "./array-items.ts";

/** A name is taken by something that may not be replaced. */
export function volumeExists(item: VolumeItem, where: string): BackendError {
  const what = item.destroyed
    ? "is there, destroyed and pending eradication: recover it, eradicate it, or ask for another volume id"
    : "is there already and is not this volume; it was left as it is: rename it, or ask for another volume id";
  return new BackendError("VOLUME_EXISTS", `${item.name} on ${where} ${what}`, {
    retry: "never",
  });
}

/** A volume of ours that an earlier create has finished is not taken for a new one. */
export function volumeFinished(item: VolumeItem, where: string): BackendError {
  return new BackendError(
    "VOLUME_EXISTS",
    `${item.name} on ${where} is there already, finished or connected to a host, so it may hold somebody's data; it was left as it is: ask for another volume id, or remove that one on the array itself`,
    { retry: "never" },
  );
}

/** A volume that is to be used is not there. */
export function volumeMissing(name: string, where: string): BackendError {
  return new BackendError(
    "VOLUME_MISSING",
    `${name} is not on ${where}, or was not made by this backend; look for it on the array: it may have been deleted or renamed there`,
    { retry: "never" },
  );
}

/** A name, or what is there under it, is not ours to touch. */
export function volumeNotOurs(name: string, where: string): BackendError {
  return new BackendError(
    "VOLUME_NOT_OURS",
    `"${name}" on ${where} was not made by this backend; nothing was touched: correct the name, or if it is to go, remove it on the array itself`,
    { retry: "never" },
  );
}

/** An image-volume that is not complete. */
export function volumeNotSealed(name: string, where: string): BackendError {
  return new BackendError(
    "VOLUME_NOT_SEALED",
    `${name} on ${where} is not complete, so nothing is cloned from it; it has to be filled again`,
    { retry: "never" },
  );
}

/** A complete image-volume is never written again: clones are made of it. */
export function volumeSealed(name: string, where: string): BackendError {
  return new BackendError(
    "VOLUME_SEALED",
    `${name} on ${where} is complete and serves clones, so it is not opened to be written; fill another one`,
    { retry: "never" },
  );
}

/** A volume that hosts can reach is not destroyed. */
export function volumeInUse(
  name: string,
  hosts: readonly string[],
  where: string,
): BackendError {
  return new BackendError(
    "VOLUME_IN_USE",
    `${name} on ${where} is connected to ${hosts.join(", ")}; disconnect it first`,
    { retry: "never", remoteClass: "VolumeIsBusy", status: 400 },
  );
}

/** Without its marker a data set cannot make volumes, nor tell which are its own, nor which are gone. */
export function markerGone(
  marker: string,
  where: string,
  cause?: unknown,
): BackendError {
  return new BackendError(
    "BACKEND_CONFLICT",
    `the marker volume ${marker} is not on ${where} any more: check that san_ip still leads to the same array, or recover it if it is pending eradication, since all volumes of this cache belong to it`,
    { retry: "never", ...(cause === undefined ? {} : { cause }) },
  );
}
