import { isIP } from "node:net";

const maxPort = 65_535;
const hostName =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*$/i;

/** Whether a text is `host`, `host:port`, `[IPv6]` or `[IPv6]:port`. */
export function isArrayAddress(text: string): boolean {
  const [, host = "", port] =
    /^(\[[^\]]*\]|[^:[\]]*)(?::(\d+))?$/.exec(text) ?? [];
  const isHost = host.startsWith("[")
    ? isIP(host.slice(1, -1)) === 6
    : isIP(host) === 4 || (hostName.test(host) && !/^[\d.]+$/.test(host));
  const isPort =
    port === undefined || (Number(port) >= 1 && Number(port) <= maxPort);
  return isHost && isPort;
}

/** Whether a text is a network such as `10.0.0.0/8` or `fd00::/8`; a single address is one too. */
export function isCidr(text: string): boolean {
  const [, address = "", bits = "0"] =
    /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(bits) <= (family === 4 ? 32 : 128);
}
