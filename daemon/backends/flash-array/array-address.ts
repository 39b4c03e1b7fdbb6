import { isIPv6 } from "node:net";
import { BackendError } from "../../errors.ts";

/** Where an array's REST interface listens. */
export interface ArrayAddress {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** `https://host:port`, with brackets around an IPv6 address. */
  readonly origin: string;
}

const form = /^(?:\[([0-9a-f:.]+)\]|([^[\]:/@?#\s]+))(?::(\d{1,5}))?$/i;

/** `host`, `host:port`, `[IPv6]` or `[IPv6]:port`, as configured; port 443 when there is none. */
export function parseArrayAddress(address: string): ArrayAddress {
  const [, ipv6, name, portText] = form.exec(address) ?? [];
  const host = ipv6 ?? name;
  const port = Number(portText ?? "443");
  const isUsable =
    host !== undefined &&
    (ipv6 === undefined || isIPv6(ipv6)) &&
    port >= 1 &&
    port <= 65_535;
  if (!isUsable) {
    throw new BackendError(
      "ARRAY_ADDRESS",
      `"${address}" is not the address of an array; write host, host:port or [IPv6]:port`,
      { retry: "never" },
    );
  }
  const shown = ipv6 === undefined ? host : `[${host}]`;
  return { host, port, origin: `https://${shown}:${port}` };
}
