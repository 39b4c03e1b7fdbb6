import { describe, expect, it } from "@jest/globals";
import { ProgressMeter } from "../../../daemon/imagesync/progress-meter.ts";
import type { Progress } from "../../../daemon/volume.ts";

describe("ProgressMeter", () => {
  it("tells the begin and the end of a phase, and little in between", () => {
    const told: Progress[] = [];
    const meter = new ProgressMeter((progress) => told.push(progress));
    for (let bytes = 0; bytes <= 1_000; bytes += 1) {
      meter.update("download", bytes, 1_000);
    }
    meter.update("verify", 0, null);
    expect(told.length).toBeLessThan(10);
    expect(told.at(0)).toMatchObject({ phase: "download", bytesDone: 0 });
    expect(told.at(-2)).toMatchObject({
      bytesDone: 1_000,
      rate: expect.any(Number),
    });
    expect(told.at(-1)).toEqual({
      phase: "verify",
      bytesDone: 0,
      bytesTotal: null,
      rate: 0,
    });
  });
});
