import { describe, expect, it } from "@jest/globals";
import { z } from "zod";
import {
  type Behaviour,
  hang,
  json,
  reset,
} from "../../helpers/array-server.ts";
import { eventually } from "../../helpers/eventually.ts";
import { useArrayServer } from "../../helpers/use-array-server.ts";

const item = z.object({ name: z.string() });
const never = { signal: new AbortController().signal };

const page = (
  names: readonly string[],
  next: { readonly more: boolean; readonly token?: string | null },
): Behaviour =>
  json(200, {
    items: names.map((name) => ({ name })),
    more_items_remaining: next.more,
    continuation_token: next.token ?? null,
  });

describe("a list", () => {
  const rig = useArrayServer();
  const urls = () => rig.server.calls("GET volumes").map(({ url }) => url);

  it("is read to its end, page by page with the same query", async () => {
    const client = await rig.open();
    rig.server.cue(
      "GET volumes",
      page(["a", "b"], { more: true, token: "t/1" }),
      page([], { more: true, token: "t2" }),
      page(["c"], { more: false, token: "not to be used" }),
    );
    await expect(
      client.list("volumes", { destroyed: false }, item, never),
    ).resolves.toEqual([{ name: "a" }, { name: "b" }, { name: "c" }]);
    const query = "/api/2.26/volumes?destroyed=false&limit=1000";
    expect(urls()).toEqual([
      query,
      `${query}&continuation_token=t%2F1`,
      `${query}&continuation_token=t2`,
    ]);
  });

  it("of another page size is asked for so", async () => {
    const client = await rig.open();
    await client.list("volumes", { limit: 1 }, item, never);
    expect(urls()).toEqual(["/api/2.26/volumes?limit=1"]);
  });

  it("that promises more without saying how is an error, never a part", async () => {
    const client = await rig.open();
    rig.server.serve = page(["a"], { more: true });
    await expect(client.list("volumes", {}, item, never)).rejects.toMatchObject(
      { code: "ARRAY_ANSWER" },
    );
    expect(urls()).toHaveLength(1);
  });

  it("that goes round in circles is an error", async () => {
    const client = await rig.open();
    rig.server.cue(
      "GET volumes",
      page(["a"], { more: true, token: "one" }),
      page(["b"], { more: true, token: "two" }),
      page(["a"], { more: true, token: "one" }),
    );
    await expect(client.list("volumes", {}, item, never)).rejects.toMatchObject(
      {
        code: "ARRAY_ANSWER",
        message: expect.stringContaining("after 3 items"),
      },
    );
    expect(urls()).toHaveLength(3);
  });

  it("whose pages are empty for ever is an error", async () => {
    const client = await rig.open();
    let pages = 0;
    rig.server.serve = (request, response) => {
      pages += 1;
      page([], { more: true, token: `t${pages}` })(request, response);
    };
    await expect(client.list("volumes", {}, item, never)).rejects.toMatchObject(
      { code: "ARRAY_ANSWER", message: expect.stringMatching(/empty pages/) },
    );
    expect(urls().length).toBeLessThan(110);
  });

  it("that would fill the memory is an error", async () => {
    const client = await rig.open({ outageMs: 0 });
    rig.server.serve = (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const block = Buffer.alloc(1024 ** 2, " ");
      const write = (): void => {
        while (!response.destroyed && response.write(block)) {
          // As fast as it is taken.
        }
      };
      response.on("drain", write).on("error", () => {});
      write();
    };
    await expect(client.list("volumes", {}, item, never)).rejects.toMatchObject(
      { message: expect.stringMatching(/exceeds 67108864 bytes/) },
    );
  });

  it("is finished over a fault in the middle", async () => {
    const client = await rig.open();
    rig.server.cue(
      "GET volumes",
      page(["a"], { more: true, token: "one" }),
      reset,
      page(["b"], { more: false }),
    );
    await expect(client.list("volumes", {}, item, never)).resolves.toHaveLength(
      2,
    );
  });

  it("is asked for with lists as one value of encoded parts, and without what is undefined", async () => {
    const client = await rig.open();
    await client.list(
      "volumes",
      {
        names: ["pod::vg/a", "b,c", "ä b"],
        destroyed: true,
        filter: "name='x*' and is_local",
        sort: undefined,
        limit: 5,
      },
      item,
      never,
    );
    expect(urls()).toEqual([
      "/api/2.26/volumes?names=pod%3A%3Avg%2Fa,b%2Cc,%C3%A4%20b&destroyed=true&filter=name%3D%27x*%27%20and%20is_local&limit=5",
    ]);
  });
});

describe("the queue of calls", () => {
  const rig = useArrayServer();

  /** Holds each call back until it is let go. */
  const heldCalls = () => {
    const held: (() => void)[] = [];
    rig.server.serve = (request, response) => {
      held.push(() => {
        json(200, { items: [] })(request, response);
      });
    };
    return held;
  };

  it("has no more than its number of calls and connections at the array", async () => {
    const client = await rig.open({ maxConcurrent: 3 });
    let now = 0;
    let most = 0;
    rig.server.serve = (request, response) => {
      now += 1;
      most = Math.max(most, now);
      setTimeout(() => {
        now -= 1;
        json(200, { items: [] })(request, response);
      }, 10);
    };
    await Promise.all(
      Array.from(
        { length: 30 },
        async () => await client.list("hosts", {}, item, never),
      ),
    );
    expect(most).toBe(3);
    expect(rig.server.connections).toBe(3);
  });

  it("lets background calls come last", async () => {
    const client = await rig.open({ maxConcurrent: 1 });
    const held = heldCalls();
    const ask = async (path: string, isBackground: boolean) =>
      await client.list(path, {}, item, { ...never, isBackground });
    const first = ask("first", false);
    await eventually("the first is there", () => held.length === 1);
    const others = [
      ask("background", true),
      ask("second", false),
      ask("third", false),
    ];
    for (let index = 0; index < 4; index += 1) {
      await eventually("the next is there", () => held.length === index + 1);
      held[index]?.();
    }
    await Promise.all([first, ...others]);
    expect(rig.server.requests.slice(2).map(({ call }) => call)).toEqual([
      "GET first",
      "GET second",
      "GET third",
      "GET background",
    ]);
  });

  it("lets a call that waits go at once when it is aborted, and never sends it", async () => {
    const client = await rig.open({ maxConcurrent: 1 });
    const held = heldCalls();
    const first = client.list("first", {}, item, never);
    await eventually("the first is there", () => held.length === 1);
    const abort = new AbortController();
    const second = client.write(
      { method: "POST", path: "second", query: {} },
      item,
      abort,
    );
    abort.abort(new Error("enough"));
    await expect(second).rejects.toThrow("enough");
    await expect(client.list("third", {}, item, abort)).rejects.toThrow(
      "enough",
    );
    held[0]?.();
    await first;
    expect(rig.server.requests).toHaveLength(3);
  });

  it("aborts a read in flight, and lets a change come to its answer", async () => {
    const client = await rig.open();
    rig.server.serve = hang;
    const abort = new AbortController();
    const read = client.list("volumes", {}, item, abort);
    await eventually("it is there", () => rig.server.requests.length === 3);
    const held = heldCalls();
    const write = client.write(
      { method: "POST", path: "volumes", query: {} },
      item,
      abort,
    );
    await eventually("the other too", () => held.length === 1);
    abort.abort(new Error("enough"));
    await expect(read).rejects.toThrow("enough");
    held[0]?.();
    await expect(write).resolves.toEqual([]);
    expect(rig.reports.map(({ outcome }) => outcome).slice(2)).toEqual([
      "aborted",
      "ok",
    ]);
  });

  it("ends an aborted change without an answer as unknown, when its time is over", async () => {
    const client = await rig.open({ requestTimeoutMs: 300 });
    rig.server.serve = hang;
    const abort = new AbortController();
    const write = client.write(
      { method: "POST", path: "volumes", query: {} },
      item,
      abort,
    );
    await eventually("it is there", () => rig.server.requests.length === 3);
    abort.abort(new Error("enough"));
    await expect(write).rejects.toMatchObject({
      code: "ARRAY_OUTCOME_UNKNOWN",
    });
  });

  it.each([
    ["a change in flight", false],
    ["an aborted change in flight", true],
  ])(
    "is ended by closing the client: what waits fails, %s is unknown",
    async (_, isAborted) => {
      const client = await rig.open({ maxConcurrent: 1 });
      rig.server.cue("POST volumes", hang);
      const abort = new AbortController();
      const write = client.write(
        { method: "POST", path: "volumes", query: {} },
        item,
        abort,
      );
      await eventually("it is there", () => rig.server.requests.length === 3);
      const read = client.list("volumes", {}, item, never);
      const outcomes = Promise.allSettled([write, read]);
      if (isAborted) {
        abort.abort(new Error("enough"));
      }
      const startMs = performance.now();
      await client[Symbol.asyncDispose]();
      expect(performance.now() - startMs).toBeLessThan(2500);
      expect(await outcomes).toMatchObject([
        { reason: { code: "ARRAY_OUTCOME_UNKNOWN" } },
        { reason: { code: "ARRAY_CLOSED" } },
      ]);
      expect(rig.server.sessions.size).toBe(0);
      await eventually(
        "no connection is left",
        () => rig.server.connections === 0,
      );
    },
  );
});
