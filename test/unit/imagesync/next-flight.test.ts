import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { NextFlight } from "../../../daemon/imagesync/glance/next-flight.ts";
import { unhurried } from "../../helpers/image-requests.ts";

/** A call that ends when the test says so. */
function slowCalls() {
  const open: { end: (result: string) => void; signal: AbortSignal }[] = [];
  const call = ({ signal }: { signal: AbortSignal }) =>
    new Promise<string>((resolve, reject) => {
      open.push({ end: resolve, signal });
      signal.addEventListener("abort", () => {
        reject(signal.reason as Error);
      });
    });
  return { open, call };
}

describe("NextFlight", () => {
  it("lets everybody who came during one call share the next", async () => {
    const flights = new NextFlight<string>();
    const { open, call } = slowCalls();
    const first = flights.board("k", call, unhurried);
    await turn();
    const late = [1, 2, 3].map(() => flights.board("k", call, unhurried));
    await turn();
    expect(open).toHaveLength(1);
    open[0]!.end("old");
    expect(await first).toBe("old");
    await turn();
    expect(open).toHaveLength(2);
    const later = flights.board("k", call, unhurried);
    open[1]!.end("new");
    expect(await Promise.all(late)).toEqual(["new", "new", "new"]);
    await turn();
    expect(open).toHaveLength(3);
    open[2]!.end("newest");
    expect(await later).toBe("newest");
  });

  it("shares nothing between keys", async () => {
    const flights = new NextFlight<string>();
    const { open, call } = slowCalls();
    const both = ["a", "b"].map((key) => flights.board(key, call, unhurried));
    await turn();
    open[0]!.end("for a");
    open[1]!.end("for b");
    expect(await Promise.all(both)).toEqual(["for a", "for b"]);
  });

  it("aborts a call only when its last caller has left", async () => {
    const flights = new NextFlight<string>();
    const { open, call } = slowCalls();
    const leaving = new AbortController();
    const blocker = flights.board("k", call, unhurried);
    const gone = flights.board("k", call, leaving);
    const stays = flights.board("k", call, unhurried);
    await turn();
    leaving.abort(new Error("left"));
    await expect(gone).rejects.toThrow("left");
    open[0]!.end("x");
    await blocker;
    await turn();
    expect(open[1]!.signal.aborted).toBe(false);
    open[1]!.end("y");
    expect(await stays).toBe("y");

    const alone = new AbortController();
    const only = flights.board("k", call, alone);
    await turn();
    alone.abort(new Error("left too"));
    await expect(only).rejects.toThrow("left too");
    expect(open[2]!.signal.aborted).toBe(true);
  });

  it("gives a new caller a living call after a waiting one was left by all", async () => {
    const flights = new NextFlight<string>();
    const { open, call } = slowCalls();
    const blocker = flights.board("k", call, unhurried);
    const leaving = new AbortController();
    const gone = flights.board("k", call, leaving);
    leaving.abort(new Error("left"));
    await expect(gone).rejects.toThrow("left");
    const fresh = flights.board("k", call, unhurried);
    open[0]!.end("x");
    await blocker;
    await turn();
    open[1]!.end("fresh");
    expect(await fresh).toBe("fresh");
  });

  it("hands a failure to its own passengers only", async () => {
    const flights = new NextFlight<string>();
    const failed = flights.board(
      "k",
      () => Promise.reject(new Error("down")),
      unhurried,
    );
    const next = flights.board("k", () => Promise.resolve("up"), unhurried);
    await expect(failed).rejects.toThrow("down");
    expect(await next).toBe("up");
  });
});
