import { describe, expect, it } from "@jest/globals";
import { cidrList } from "../../../daemon/backends/flash-array/cidr-list.ts";

const setting = "pure_iscsi_cidr_list";

describe("cidrList", () => {
  it.each([
    [["10.0.0.0/8"], "10.255.255.255", true],
    [["10.0.0.0/8"], "11.0.0.0", false],
    [["10.1.2.3/8"], "10.9.9.9", true],
    [["10.1.2.3"], "10.1.2.3", true],
    [["10.1.2.3"], "10.1.2.4", false],
    [["0.0.0.0/0"], "192.168.1.1", true],
    [["0.0.0.0/0"], "2001:db8::1", false],
    [["::/0"], "2001:db8::1", true],
    [["::/0"], "192.168.1.1", false],
    [["2001:db8::/32"], "2001:DB8:0:0::7", true],
    [["2001:db8::/32"], "2001:db9::7", false],
    [["10.0.0.0/24", "2001:db8::1/128"], "2001:db8::1", true],
    [["10.0.0.0/24", "2001:db8::1/128"], "10.0.0.200", true],
    [["10.0.0.0/24", "2001:db8::1/128"], "10.0.1.0", false],
    [["10.0.0.0/24"], "storage.example.org", false],
    [[], "10.0.0.1", true],
    [[], "2001:db8::1", true],
  ])("%j has %s: %p", (cidrs, address, isAllowed) => {
    expect(cidrList(cidrs, setting)(address)).toBe(isAllowed);
  });

  it.each(["10.0.0.0/33", "::/129", "10.0.0/8", "", "/8", "10.0.0.0/", "any"])(
    "refuses %p and names the setting",
    (cidr) => {
      expect(() => cidrList(["10.0.0.0/8", cidr], setting)).toThrow(
        `pure_iscsi_cidr_list: "${cidr}" is no range`,
      );
    },
  );
});
