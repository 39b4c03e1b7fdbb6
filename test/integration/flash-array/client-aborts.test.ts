import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { FlashArrayBackend } from "../../../daemon/backends/flash-array/flash-array-backend.ts";
import { type BackendBench, options } from "../../contract/backend-bench.ts";
import { eventually } from "../../helpers/eventually.ts";
import { FlashArrayRig } from "../../helpers/flash-array-rig.ts";

describe("a create that is cancelled while its request is at a slow array", () => {
  let rig: FlashArrayRig;
  let backend: FlashArrayBackend;
  let bench: BackendBench;
  beforeAll(async () => {
    rig = await FlashArrayRig.start();
    backend = await rig.open();
    bench = rig.bench(backend);
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });

  /** Cancels `create` during its POST, cleans up at once, and waits until the array is done with it. */
  async function cancel(
    create: (signal: AbortSignal) => Promise<unknown>,
    name: string,
  ): Promise<unknown> {
    const { faults, log } = rig.simulator;
    const mark = log.mark();
    const posts = () => log.calls("POST", "volumes", mark);
    const fault = { kind: "slow", ms: 400 } as const;
    faults.add({ method: "POST", path: "volumes", fault });
    const abort = new AbortController();
    const creating = create(abort.signal).then(
      () => null,
      (error: unknown) => error,
    );
    await eventually("it is at the array", () => posts().length === 1);
    abort.abort(new Error("enough"));
    const outcome = await creating;
    await backend.deleteVolume(name, options);
    await eventually("it is done", () => posts()[0]?.status !== "open");
    return outcome;
  }

  it("is no image-volume once its remains were deleted", async () => {
    const before = liveNames();
    const wanted = bench.imageVolume();
    const outcome = await cancel(
      async (signal) => await backend.createVolume(wanted, { signal }),
      wanted.name,
    );
    // The next step met the abort.
    expect(outcome).toMatchObject({ message: "enough" });
    expect(liveNames()).toEqual(before);
  });

  it("is no user's volume either, though the clone was finished", async () => {
    const source = await bench.sealed();
    const before = liveNames();
    const wanted = bench.userVolume();
    const outcome = await cancel(
      async (signal) => await backend.cloneVolume(source, wanted, { signal }),
      wanted.name,
    );
    // There was no next step.
    expect(outcome).toBeNull();
    expect(liveNames()).toEqual(before);
  });

  function liveNames(): string[] {
    return rig.names().filter((name) => !name.startsWith("!"));
  }
});
