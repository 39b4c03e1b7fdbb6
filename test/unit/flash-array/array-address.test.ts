import { describe, expect, it } from "@jest/globals";
import { parseArrayAddress } from "../../../daemon/backends/flash-array/array-address.ts";

describe("parseArrayAddress", () => {
  it.each([
    ["fa1.example.com", "fa1.example.com", 443, "https://fa1.example.com:443"],
    ["10.0.0.5:8443", "10.0.0.5", 8443, "https://10.0.0.5:8443"],
    ["[fd00::5]", "fd00::5", 443, "https://[fd00::5]:443"],
    ["[::1]:65535", "::1", 65_535, "https://[::1]:65535"],
  ])("reads %s", (address, host, port, origin) => {
    expect(parseArrayAddress(address)).toEqual({ host, port, origin });
  });

  it.each([
    "",
    "https://fa1",
    "fa1/api",
    "user@fa1",
    "fd00::5",
    "[fa1]",
    "[1:2]",
    "fa1:0",
    "fa1:65536",
    "fa1:",
    "fa 1",
  ])("refuses %j and says what to write", (address) => {
    expect(() => parseArrayAddress(address)).toThrow(
      /ARRAY_ADDRESS: .*host:port/,
    );
  });
});
