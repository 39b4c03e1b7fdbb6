import { describe, expect, it } from "@jest/globals";
import { volumeSize } from "../../../daemon/backends/flash-array/volume-size.ts";

const mib = 1024 ** 2;
const most = 4 * 1024 ** 5;

describe("volumeSize", () => {
  it.each([
    [0, mib],
    [1, mib],
    [mib - 1, mib],
    [mib, mib],
    [mib + 1, mib + 512],
    [mib + 512, mib + 512],
    [most - 1, most],
    [most, most],
  ])("rounds %d to %d", (asked, made) => {
    expect(volumeSize(asked)).toBe(made);
  });

  it.each([most + 1, Number.POSITIVE_INFINITY, Number.NaN])(
    "refuses %d",
    (asked) => {
      expect(() => volumeSize(asked)).toThrow(/^SIZE_INVALID: .*4 PiB/);
    },
  );
});
