import { ArrayRefusal } from "../array-refusal.ts";
import type { HostRecord } from "./host-record.ts";

const personalities = new Set([
  "aix",
  "esxi",
  "hitachi-vsp",
  "hpux",
  "oracle-vm-server",
  "solaris",
  "vms",
]);

/** Refuses NVMe names beside others, an unknown personality, and a VLAN that is none. */
export function checkOneProtocol(host: HostRecord): void {
  if (host.nqns.length > 0 && host.iqns.length + host.wwns.length > 0) {
    // Invented text.
    throw new ArrayRefusal(
      "A host with NQNs cannot have IQNs or WWNs.",
      host.name,
    );
  }
  if (host.personality !== null && !personalities.has(host.personality)) {
    // Invented text.
    throw new ArrayRefusal("Invalid personality.", host.name);
  }
  const { vlan } = host;
  const isVlan =
    vlan === null ||
    vlan === "any" ||
    vlan === "untagged" ||
    (/^[1-9]\d{0,3}$/u.test(vlan) && Number(vlan) <= 4094);
  if (!isVlan) {
    // Invented text.
    throw new ArrayRefusal("Invalid VLAN.", host.name);
  }
}

/** Refuses an initiator that another of all hosts has, or that is none. */
export function checkInitiators(
  host: HostRecord,
  all: readonly HostRecord[],
): void {
  checkShapes(host);
  const own = initiatorsOf(host);
  for (const other of all) {
    if (other.id !== host.id) {
      const shared = initiatorsOf(other).find((name) => own.includes(name));
      if (shared !== undefined) {
        // Invented text; drivers look for these words.
        throw new ArrayRefusal(
          "The specified initiator is already in use.",
          shared,
        );
      }
    }
  }
}

/** Refuses passwords that are too short or long, or without a user. */
export function checkChap({ name, chap }: HostRecord): void {
  const accounts = [
    [chap.host_user, chap.host_password],
    [chap.target_user, chap.target_password],
  ] as const;
  for (const [user, password] of accounts) {
    const length = password?.length ?? 12;
    const isWhole = (user === null) === (password === null);
    if (!isWhole || length < 12 || length > 255) {
      // Invented text.
      throw new ArrayRefusal(
        "CHAP needs a user and a password of 12 to 255 characters.",
        name,
      );
    }
  }
}

/** A WWN as hosts have it: upper case, without colons. */
export function plainWwn(wwn: string): string {
  return wwn.replaceAll(":", "").toUpperCase();
}

function checkShapes({ iqns, nqns, wwns }: HostRecord): void {
  const wrong =
    iqns.find((iqn) => !/^(?:iqn\.|eui\.|naa\.)\S{1,219}$/iu.test(iqn)) ??
    nqns.find((nqn) => !/^nqn\.\S{1,219}$/iu.test(nqn)) ??
    wwns.find((wwn) => !/^[0-9A-F]{16}$/u.test(wwn));
  if (wrong !== undefined) {
    // Invented text.
    throw new ArrayRefusal("Invalid initiator name.", wrong);
  }
}

function initiatorsOf({ iqns, nqns, wwns }: HostRecord): readonly string[] {
  return [...iqns, ...nqns, ...wwns].map((name) => name.toLowerCase());
}
