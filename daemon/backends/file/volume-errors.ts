import { BackendError } from "../../errors.ts";

/** A name is taken by something that may not be replaced. */
export function volumeExists(name: string, root: string): BackendError {
  return new BackendError(
    "VOLUME_EXISTS",
    `${root}/${name} is there already and is not this volume; it was left as it is: move it away, or ask for another volume id`,
    { retry: "never" },
  );
}

/** A volume that is to be used is not there. */
export function volumeMissing(name: string, root: string): BackendError {
  return new BackendError(
    "VOLUME_MISSING",
    `${root}/${name} is not there, or was not made by this backend`,
    { retry: "never" },
  );
}
