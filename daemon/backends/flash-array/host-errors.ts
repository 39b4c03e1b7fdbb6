import { BackendError, RequestError } from "../../errors.ts";
import type { Initiator } from "./initiator.ts";

/** Neither can the host be found, nor made. */
export function hostTaken(
  name: string,
  initiator: Initiator,
  options?: ErrorOptions,
): BackendError {
  return new BackendError(
    "HOST_NAME_TAKEN",
    `the array has no local host with ${initiator.names.join(", ")}, but refuses to make ${name} with it; look on the array for a host of that name, or one with the initiator`,
    options,
  );
}

/** An administrator's host cannot be used with CHAP: nobody tells us its account. */
export function chapUnknown(name: string, initiator: Initiator): BackendError {
  return new BackendError(
    "HOST_NOT_OURS",
    `the host ${name} on the array has the initiator ${initiator.names.join(", ")}, and use_chap_auth is on, but it was not made here, so its CHAP account is not known; remove the initiator from that host, or turn use_chap_auth off`,
    { retry: "never" },
  );
}

/** The daemon writes only through a host that daemons made. */
export function notWriter(name: string, initiator: Initiator): BackendError {
  return new BackendError(
    "HOST_NOT_OURS",
    `the host ${name} on the array has this daemon's own initiator ${initiator.names.join(", ")}, but was not made by it; remove the initiator from that host, or give the daemon another one`,
    { retry: "never" },
  );
}

/** Through a daemon's own host images are written: nobody else gets a volume, or its CHAP password, by it. */
export function writersInitiator(initiator: Initiator): RequestError {
  return new RequestError(
    "CONNECTOR_UNUSABLE",
    `the initiator ${initiator.names.join(", ")} is that of a daemon of this cache; name the host's own one`,
  );
}
