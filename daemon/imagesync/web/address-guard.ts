import { lookup as systemLookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { RequestError } from "../../errors.ts";

const forbidden = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["100.64.0.0", 10],
  ["192.0.0.0", 24],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const) {
  forbidden.addSubnet(network, prefix, "ipv4");
}
for (const [network, prefix] of [
  ["::", 128],
  ["::1", 128],
  ["64:ff9b::", 96],
  ["2001::", 32],
  ["2002::", 16],
  ["fd00:ec2::", 32],
  ["fe80::", 10],
  ["ff00::", 8],
] as const) {
  forbidden.addSubnet(network, prefix, "ipv6");
}

/** Host names that say plainly that they mean this machine. */
const loopbackNames = new Set(["localhost"]);

function isForbidden(address: string): boolean {
  const family = isIP(address);
  return (
    family === 0 || forbidden.check(address, family === 4 ? "ipv4" : "ipv6")
  );
}

function refusal(host: string, address: string): RequestError {
  return new RequestError(
    "SOURCE_FORBIDDEN",
    `${host} has the address ${address}, which images may not come from; where that is wanted, name the address in images.allowedUrls and in the URL`,
    { remoteClass: "ImageNotAuthorized", status: 403 },
  );
}

/**
 * The resolver of the web source: looks at every address a name has, at the moment of connecting. A literal address
 * never gets here: it is its own name in the allow-list.
 */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) {
      callback(error, "");
      return;
    }
    const bad = addresses.find(({ address }) => isForbidden(address));
    const [first] = addresses;
    if (bad !== undefined && !loopbackNames.has(hostname)) {
      callback(refusal(hostname, bad.address), "");
    } else if (options.all === true) {
      callback(null, addresses);
    } else {
      callback(null, first?.address ?? "", first?.family);
    }
  });
};
