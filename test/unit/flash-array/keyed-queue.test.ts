import { describe, expect, it } from "@jest/globals";
import { KeyedQueue } from "../../../daemon/backends/flash-array/keyed-queue.ts";

const { signal } = new AbortController();

/** A task that ends when it is told to. */
function heldTask(log: string[], name: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const task = async (): Promise<string> => {
    log.push(`${name} starts`);
    await promise;
    log.push(`${name} ends`);
    return name;
  };
  return { task, end: resolve };
}

describe("KeyedQueue", () => {
  it("runs tasks of one key one after another, in order, those of others at once", async () => {
    const queue = new KeyedQueue();
    const log: string[] = [];
    const [a1, a2, b] = ["a1", "a2", "b"].map((name) => heldTask(log, name));
    const all = [
      queue.run("a", a1!.task, { signal }),
      queue.run("a", a2!.task, { signal }),
      queue.run("b", b!.task, { signal }),
    ];
    b!.end();
    await expect(all[2]).resolves.toBe("b");
    a2!.end();
    a1!.end();
    await expect(Promise.all(all)).resolves.toEqual(["a1", "a2", "b"]);
    expect(log.filter((line) => line.startsWith("a"))).toEqual([
      "a1 starts",
      "a1 ends",
      "a2 starts",
      "a2 ends",
    ]);
    expect(log.indexOf("b ends")).toBeLessThan(log.indexOf("a1 ends"));
  });

  it("goes on after a task that fails", async () => {
    const queue = new KeyedQueue();
    const failing = queue.run("a", () => Promise.reject(new Error("broken")), {
      signal,
    });
    const next = queue.run("a", () => Promise.resolve("next"), { signal });
    await expect(failing).rejects.toThrow("broken");
    await expect(next).resolves.toBe("next");
  });

  it("never starts a task that was aborted while it waited, and lets nobody pass meanwhile", async () => {
    const queue = new KeyedQueue();
    const log: string[] = [];
    const first = heldTask(log, "first");
    const aborted = heldTask(log, "aborted");
    const last = heldTask(log, "last");
    last.end();
    const abort = new AbortController();
    const firstDone = queue.run("a", first.task, { signal });
    const abortedDone = queue.run("a", aborted.task, { signal: abort.signal });
    const lastDone = queue.run("a", last.task, { signal });
    abort.abort(new Error("enough"));
    await expect(abortedDone).rejects.toThrow("enough");
    expect(log).toEqual(["first starts"]);
    first.end();
    await Promise.all([firstDone, lastDone]);
    expect(log).toEqual([
      "first starts",
      "first ends",
      "last starts",
      "last ends",
    ]);
  });
});
