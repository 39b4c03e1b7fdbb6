import { RequestError } from "../../errors.ts";
import type { Connector } from "../volume-backend.ts";

/** How hosts reach volumes of this backend. */
export type Protocol = "iscsi" | "nvme-tcp" | "fc";

/** Who a host is to the array. */
export interface Initiator {
  /** The field of a host that lists such names. */
  readonly attribute: "iqns" | "nqns" | "wwns";
  /** At least one, sorted, as they are sent to the array. */
  readonly names: readonly [string, ...string[]];
}

// A filter has them between quotes, where `*` matches anything; a list has them between commas.
const usableName = /^[^\s'"*\\,]{1,223}$/;
const wwpn = /^[0-9A-F]{16}$/;

/**
 * The initiator that a connector tells for this protocol.
 *
 * @throws {RequestError} `CONNECTOR_UNUSABLE`
 */
export function initiatorOf(
  protocol: Protocol,
  connector: Connector,
): Initiator {
  switch (protocol) {
    case "iscsi":
      return named("iqns", "initiator", connector.initiator);
    case "nvme-tcp":
      return named("nqns", "nqn", connector.nqn);
    case "fc":
      return withWwpns(connector.wwpns);
  }
}

/** An initiator by its IQN. */
export function iscsiInitiator(iqn: string): Initiator {
  return named("iqns", "initiator", iqn);
}

/** A name in the form in which two of them are compared: arrays give WWNs with and without colons, and IQNs in any case. */
export function comparable(name: string): string {
  return /^[0-9a-f:]+$/i.test(name)
    ? name.replaceAll(":", "").toLowerCase()
    : name.toLowerCase();
}

function named(
  attribute: "iqns" | "nqns",
  key: "initiator" | "nqn",
  name: string | null,
): Initiator {
  if (name === null || name === "") {
    throw unusable(`it has no "${key}"`);
  }
  if (!usableName.test(name)) {
    throw unusable(
      `its "${key}" has a space, quote, comma, backslash or asterisk in it, or is too long`,
    );
  }
  return { attribute, names: [name] };
}

function withWwpns(wwpns: readonly string[]): Initiator {
  // Upper case without colons is how hosts list them.
  const names = [
    ...new Set(wwpns.map((each) => each.replaceAll(":", "").toUpperCase())),
  ].toSorted();
  const [first, ...others] = names;
  if (first === undefined) {
    throw unusable('it has no "wwpns"');
  }
  const wrong = names.find((each) => !wwpn.test(each));
  if (wrong !== undefined) {
    throw unusable('its "wwpns" have one that is not of 16 hex digits');
  }
  return { attribute: "wwns", names: [first, ...others] };
}

function unusable(why: string): RequestError {
  return new RequestError(
    "CONNECTOR_UNUSABLE",
    `the connector cannot be used: ${why}; it has to be what os-brick tells of the host`,
  );
}
