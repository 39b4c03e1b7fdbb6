import { describe, expect, it } from "@jest/globals";
import { SeenMessages } from "../../daemon/consumers/seen-messages.ts";

describe("SeenMessages", () => {
  const counted = (isDone: boolean) => {
    const work = { times: 0, run: async () => ((work.times += 1), isDone) };
    return work;
  };

  it("runs the work of an id once", async () => {
    const seen = new SeenMessages();
    const work = counted(true);
    await expect(seen.once("a", work.run)).resolves.toBe("treated");
    await expect(seen.once("a", work.run)).resolves.toBe("repeat");
    expect(work.times).toBe(1);
  });

  it("runs it again when it did not come to an end, or threw", async () => {
    const seen = new SeenMessages();
    const [given, done] = [counted(false), counted(true)];
    await seen.once("a", given.run);
    await expect(
      seen.once("a", async () => await Promise.reject(new Error("x"))),
    ).rejects.toThrow("x");
    await expect(seen.once("a", done.run)).resolves.toBe("treated");
  });

  it("lets only one of many copies at a time at it", async () => {
    const seen = new SeenMessages();
    const gate = Promise.withResolvers<boolean>();
    const first = seen.once("a", async () => await gate.promise);
    const others = [counted(true), counted(true), counted(true)];
    const fates = others.map(async ({ run }) => await seen.once("a", run));
    gate.resolve(false);
    await expect(first).resolves.toBe("treated");
    expect((await Promise.all(fates)).toSorted()).toEqual([
      "repeat",
      "repeat",
      "treated",
    ]);
    expect(others.reduce((sum, { times }) => sum + times, 0)).toBe(1);
  });

  it("knows no copy of a message without an id", async () => {
    const seen = new SeenMessages();
    const work = counted(true);
    await seen.once(null, work.run);
    await seen.once(null, work.run);
    expect(work.times).toBe(2);
  });

  it("remembers the last thousand", async () => {
    const seen = new SeenMessages();
    const work = counted(true);
    for (let n = 0; n <= 1000; n += 1) {
      await seen.once(`id-${n}`, work.run);
    }
    await expect(seen.once("id-1", work.run)).resolves.toBe("repeat");
    await expect(seen.once("id-0", work.run)).resolves.toBe("treated");
  });
});
