import { describe, expect, it } from "@jest/globals";
import {
  chooseRestVersion,
  formatRestVersion,
  isAtLeast,
  parseRestVersion,
} from "../../../daemon/backends/flash-array/rest-version.ts";

const choose = (offered: readonly string[], pin: string | null = null) =>
  formatRestVersion(chooseRestVersion(offered, pin, "FlashArray fa1"));

const failure = (offered: readonly string[], pin: string | null = null) => {
  try {
    return choose(offered, pin);
  } catch (error) {
    return error;
  }
};

describe("a REST version", () => {
  it("is compared as two integers", () => {
    const [old, recent, next] = ["2.9", "2.26", "3.0"].map((text) =>
      parseRestVersion(text)!,
    ) as [never, never, never];
    expect(isAtLeast(recent, old)).toBe(true);
    expect(isAtLeast(old, recent)).toBe(false);
    expect(isAtLeast(old, old)).toBe(true);
    expect(isAtLeast(next, recent)).toBe(true);
    expect(isAtLeast(recent, next)).toBe(false);
  });

  it.each(["", "2", "2.", "2.X", "v2.4", "2.4.1", "-2.4", "2.4 "])(
    "is not %j",
    (text) => {
      expect(parseRestVersion(text)).toBeNull();
    },
  );
});

describe("chooseRestVersion", () => {
  it.each([
    ["the newest", ["1.19", "2.4", "2.26", "2.9"], "2.26"],
    ["the oldest that is enough", ["2.3", "2.4"], "2.4"],
    ["the newest that was checked", ["2.35", "2.36", "2.37", "2.52"], "2.36"],
    ["what it can read", ["2.4", "2.x", "beta", "2.5"], "2.5"],
    ["of its own major version", ["2.10", "3.0"], "2.10"],
  ])("takes %s", (_, offered, chosen) => {
    expect(choose(offered)).toBe(chosen);
  });

  it.each([
    ["too old", ["1.19", "2.0", "2.3"]],
    ["too new", ["2.37", "3.4"]],
    ["none", []],
  ])("refuses an array whose versions are %s, and lists them", (_, offered) => {
    expect(failure(offered)).toMatchObject({
      code: "ARRAY_VERSION",
      retry: "never",
      message: expect.stringContaining(offered.join(", ") || "only none"),
    });
  });

  it("takes a pinned version that is offered, however new", () => {
    expect(choose(["2.4", "2.16", "2.26"], "2.16")).toBe("2.16");
    expect(choose(["2.4", "2.40"], "2.40")).toBe("2.40");
  });

  it.each([
    ["not offered", "2.17", "does not offer"],
    ["too old", "2.3", "too old"],
    ["of version 1", "1.19", "too old"],
    ["no version", "newest", "not a REST version"],
  ])("refuses a pin that is %s, and lists what is offered", (_, pin, says) => {
    const error = failure(["1.19", "2.3", "2.16"], pin);
    expect(error).toMatchObject({
      code: "ARRAY_VERSION",
      retry: "never",
      message: expect.stringContaining(says),
    });
    expect(String(error)).toContain(pin);
  });
});
