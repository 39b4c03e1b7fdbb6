import { describe, expect, it } from "@jest/globals";
import { LunRotation } from "../../../daemon/backends/flash-array/lun-rotation.ts";

const none = new Set<number>();
const all = Array.from({ length: 255 }, (_, index) => index + 1);

describe("LunRotation", () => {
  it.each([1, 77, 255])(
    "gives 1 to 255 once each before any of them again, from %i on",
    (start) => {
      const luns = new LunRotation(start);
      const given = all.map(() => luns.next(none));
      expect(given[0]).toBe(start);
      expect(given.toSorted((a, b) => a! - b!)).toEqual(all);
      expect(luns.next(none)).toBe(start);
    },
  );

  it("leaves out what is taken, and gives nothing when all is", () => {
    const luns = new LunRotation(254);
    expect(luns.next(new Set([254, 255, 1]))).toBe(2);
    expect(luns.next(new Set(all.filter((lun) => lun !== 2)))).toBe(2);
    expect(luns.next(new Set(all))).toBeNull();
  });

  it("starts anywhere from 1 to 255", () => {
    const starts = all.map(() => new LunRotation().next(none)!);
    expect(new Set(starts).size).toBeGreaterThan(10);
    expect(Math.min(...starts)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...starts)).toBeLessThanOrEqual(255);
  });
});
