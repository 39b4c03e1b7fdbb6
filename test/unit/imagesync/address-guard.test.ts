import { describe, expect, it } from "@jest/globals";
import { guardedLookup } from "../../../daemon/imagesync/web/address-guard.ts";

/** A literal address resolves to itself, so any address can be tried without a name server. */
function lookUp(address: string, all: boolean): Promise<unknown> {
  return new Promise((resolve, reject) => {
    guardedLookup(address, { all }, (error, found) => {
      if (error === null) {
        resolve(found);
      } else {
        reject(error);
      }
    });
  });
}

describe("guardedLookup", () => {
  it.each([
    "0.0.0.0",
    "127.0.0.1",
    "127.9.9.9",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fd00:ec2::254",
    "fe80::1",
    "ff02::1",
  ])("refuses %s", async (address) => {
    for (const all of [true, false]) {
      await expect(lookUp(address, all)).rejects.toMatchObject({
        code: "SOURCE_FORBIDDEN",
      });
    }
  });

  it.each([
    ["10.0.0.7", 4],
    ["192.168.1.1", 4],
    ["93.184.216.34", 4],
    ["fd12:3456::1", 6],
    ["2001:db8::1", 6],
  ])("passes %s", async (address, family) => {
    expect(await lookUp(address, false)).toBe(address);
    expect(await lookUp(address, true)).toEqual([{ address, family }]);
  });
});
