import { BackendError } from "../../errors.ts";
import type { ConnectionItem } from "./host-items.ts";
import { isAtLeast } from "./rest-version.ts";
import type { RestVersion } from "./rest-version.ts";

/** The version from which a namespace has a field of its own; before, its number is in `lun` (Cinder, vendor's OpenAPI files). */
const nsidSince: RestVersion = { major: 2, minor: 27 };

/** The LUN of a connection. */
export function lunOf(row: ConnectionItem): number {
  return checked(row, row.lun, "LUN");
}

/** The namespace id of a connection. */
export function nsidOf(row: ConnectionItem, version: RestVersion): number {
  const number = isAtLeast(version, nsidSince) ? row.nsid : row.lun;
  return checked(row, number, "namespace id");
}

function checked(
  { host, volume }: ConnectionItem,
  number: number | null,
  what: string,
): number {
  if (number === null || number === 0) {
    throw new BackendError(
      "CONNECTION_NUMBER",
      `the array connected ${volume} to ${host}, but tells no ${what}; the host may be one of another protocol: look at it on the array`,
      { retry: "never" },
    );
  }
  return number;
}
