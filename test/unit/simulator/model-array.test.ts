import { describe, expect, it } from "@jest/globals";
import { Clock } from "../../../simulator/clock.ts";
import { ArrayModel } from "../../../simulator/model/array-model.ts";
import { MemoryDataPlane } from "../../fakes/memory-data-plane.ts";

async function newModel(): Promise<ArrayModel> {
  return await ArrayModel.create({
    clock: new Clock(),
    dataPlane: new MemoryDataPlane(),
  });
}

describe("ArrayModel", () => {
  it("runs changes one after another, and goes on after one that fails", async () => {
    const model = await newModel();
    const steps: string[] = [];
    const { promise: gate, resolve: open } = Promise.withResolvers<undefined>();
    const first = model.change(async () => {
      steps.push("first begins");
      await gate;
      steps.push("first ends");
    });
    const failing = model.change(() => {
      steps.push("second");
      throw new Error("no");
    });
    const third = model.change(() => {
      steps.push("third");
      return 3;
    });
    const outcomes = Promise.allSettled([first, failing, third]);
    open(undefined);
    const [, failed, last] = await outcomes;
    expect(failed).toMatchObject({ reason: { message: "no" } });
    expect(last).toMatchObject({ value: 3 });
    expect(steps).toEqual(["first begins", "first ends", "second", "third"]);
  });

  it("does not let readers wait for a change", async () => {
    const model = await newModel();
    const { promise: gate, resolve: open } = Promise.withResolvers<undefined>();
    const change = model.change(async () => {
      await gate;
    });
    await expect(model.read(() => "read")).resolves.toBe("read");
    open(undefined);
    await change;
  });

  it("has settings that can be changed, and defaults without limits", async () => {
    const model = await newModel();
    expect(model.settings).toMatchObject({
      pageSize: 1000,
      eradicationDelayMs: 86_400_000,
      manualEradication: "all-enabled",
      maxVolumes: 0,
      defaultProtection: [],
    });
    model.settings.pageSize = 2;
    expect(model.settings.pageSize).toBe(2);
  });
});
