import { BlockList, isIP } from "node:net";

/** Tells whether an address is one that hosts may be given. */
export type IsAddressAllowed = (address: string) => boolean;

// One list for each family: a BlockList takes an IPv4 address for its IPv6 form, so `::/0` would have all of them.
type Ranges = Readonly<Record<"ipv4" | "ipv6", BlockList>>;

function familyOf(address: string): keyof Ranges | null {
  const family = isIP(address);
  return family === 0 ? null : family === 6 ? "ipv6" : "ipv4";
}

function addRange(ranges: Ranges, cidr: string, setting: string): void {
  const [, address = "", prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(cidr) ?? [];
  const family = familyOf(address);
  const bits = family === "ipv6" ? 128 : 32;
  const length = prefix === undefined ? bits : Number(prefix);
  if (family === null || length > bits) {
    throw new RangeError(
      `${setting}: "${cidr}" is no range of addresses; write it as 10.0.0.0/8 or 2001:db8::/32`,
    );
  }
  ranges[family].addSubnet(address, length, family);
}

/**
 * A test for the addresses within any of these ranges; without ranges every address passes. A single address is a range
 * of one.
 *
 * @throws {RangeError} naming the setting
 */
export function cidrList(
  cidrs: readonly string[],
  setting: string,
): IsAddressAllowed {
  if (cidrs.length === 0) {
    return () => true;
  }
  const ranges = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const cidr of cidrs) {
    addRange(ranges, cidr, setting);
  }
  return (address) => {
    const family = familyOf(address);
    return family !== null && ranges[family].check(address, family);
  };
}
