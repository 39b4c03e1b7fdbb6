import { setTimeout as sleep } from "node:timers/promises";
import { deflateSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import { StoreUnavailableError } from "../../daemon/errors.ts";
import { eventually } from "../helpers/eventually.ts";
import { envelope } from "../helpers/raw-broker.ts";
import { answer, failureOf, useRpcBench } from "../helpers/rpc-bench.ts";

describe("RpcServer", () => {
  const bench = useRpcBench();

  it("dead-letters what cannot be decoded, and goes on", async () => {
    const rig = await bench.start({ echo: async ({ args }) => answer(args) });
    const bodies = [
      "",
      "not json",
      "[1]",
      "null",
      '"text"',
      envelope(bench.call("echo"), "3.0"),
      envelope(bench.call("echo"), "2.1"),
      JSON.stringify({ "oslo.message": "{}" }),
      JSON.stringify({ "oslo.version": "2.0", "oslo.message": {} }),
      JSON.stringify({ "oslo.version": "2.0", "oslo.message": "{" }),
      Buffer.from([0x7b, 0xff, 0x7d]),
      "[".repeat(10_000),
      `{"a":[${"1,".repeat(50_000)}1]}`,
      '{"oslo.version":"2.0","oslo.version":"2.0","oslo.message":"{}"}',
      Buffer.alloc(2 * 1024 * 1024, 0x20),
      envelope(bench.call("echo", {}, { _reply_q: "amq.direct" })),
      envelope(bench.call("echo", {}, { _reply_q: "q\nx" })),
      envelope(bench.call("echo", {}, { _reply_q: "x".repeat(256) })),
    ];
    for (const body of bodies) {
      bench.raw.publish(bench.exchange, bench.topic, body);
    }
    bench.raw.publish(
      bench.exchange,
      bench.topic,
      deflateSync(Buffer.alloc(3 * 1024 * 1024, 0x20)),
      {
        headers: { compression: "application/x-gzip" },
      },
    );
    bench.raw.publish(bench.exchange, bench.topic, "x", {
      headers: { compression: "application/x-bz2" },
    });
    const all = bodies.length + 2;
    await eventually(
      "dead letters",
      async () => (await bench.raw.depth(`${bench.topic}.dead`)) === all,
    );
    expect(rig.server.counts).toMatchObject({ rejected: all, served: 0 });
    bench.send(bench.call("echo", { still: "here" }));
    await eventually("the reply", () => bench.replies.length === 1);
    expect(bench.replies[0]).toMatchObject({
      result: { still: "here" },
      failure: null,
      ending: true,
    });
    const codes = new Set(
      rig.log
        .filter(({ event }) => event === "message rejected")
        .map(({ fields }) => fields["code"]),
    );
    expect(codes).toEqual(
      new Set([
        "ENVELOPE_INVALID",
        "ENVELOPE_VERSION",
        "ENVELOPE_TOO_COMPLEX",
        "MESSAGE_TOO_BIG",
        "REPLY_Q_INVALID",
      ]),
    );
  });

  it.each([
    ["args null", { args: null }, "ARG_INVALID"],
    [
      "a project that is no string",
      { _context_project_id: 7 },
      "CONTEXT_INVALID",
    ],
  ])("answers %s with a failure", async (_name, extra, code) => {
    await bench.start({ echo: async ({ args }) => answer(args) });
    bench.send(bench.call("echo", {}, extra));
    await eventually("the reply", () => bench.replies.length === 1);
    expect(failureOf(bench.replies[0])).toMatchObject({
      class: "InvalidInput",
      module: "cinder.exception",
      kwargs: { code: 400, error_code: code },
    });
    await eventually(
      "the ack",
      async () => (await bench.raw.depth(bench.topic)) === 0,
    );
  });

  it("suggests the method that was meant", async () => {
    await bench.start({ create_volume: async () => answer(null) });
    bench.send(bench.call("create_volum"));
    await eventually("the reply", () => bench.replies.length === 1);
    expect(failureOf(bench.replies[0])).toEqual({
      class: "NoSuchMethod",
      module: "oslo_messaging.rpc.dispatcher",
      message:
        "Endpoint does not support RPC method create_volum (did you mean create_volume?)",
      tb: [],
      args: [
        "Endpoint does not support RPC method create_volum (did you mean create_volume?)",
      ],
      kwargs: {},
    });
  });

  it("serves a call that names no reply queue, and says so once", async () => {
    let served = 0;
    const rig = await bench.start({
      note: async () => {
        served += 1;
        return answer(null);
      },
    });
    const { _reply_q: _none, ...rest } = bench.call("note");
    bench.send(rest);
    await eventually("the call", () => served === 1);
    await eventually("the line", () => rig.server.counts.served === 1);
    expect(
      rig.log.filter(({ fields }) => fields["code"] === "REPLY_TARGET_MISSING"),
    ).toHaveLength(1);
  });

  it("serves an exact copy once, also while the first is in work", async () => {
    let served = 0;
    const rig = await bench.start({
      slow: async () => {
        served += 1;
        await sleep(200);
        return answer(served);
      },
    });
    const message = bench.call("slow");
    bench.send(message);
    bench.send(message);
    await eventually("the copy", () => rig.server.counts.repeated === 1);
    bench.send(message);
    await eventually("the second copy", () => rig.server.counts.repeated === 2);
    expect([served, bench.replies.length]).toEqual([1, 1]);
    expect(await bench.raw.depth(`${bench.topic}.dead`)).toBe(0);
  });

  it("begins nothing for a caller whose time ran out while the store was away", async () => {
    let isAway = true;
    const rig = await bench.start({
      work: async () => {
        if (isAway) {
          throw new StoreUnavailableError("away");
        }
        return answer("done");
      },
    });
    bench.send(bench.call("work"), { expiration: 300 });
    await eventually("the reply", () => bench.replies.length === 1);
    expect(failureOf(bench.replies[0])).toMatchObject({
      kwargs: { error_code: "DEADLINE_PASSED" },
    });
    isAway = false;
    bench.send(bench.call("work"));
    await eventually("the next reply", () => bench.replies.length === 2);
    expect(rig.server.isConsuming).toBe(true);
  });

  it("keeps messages while the store is away for a short time", async () => {
    let isAway = true;
    const rig = await bench.start({
      work: async () => {
        if (isAway) {
          throw new StoreUnavailableError("away");
        }
        return answer("done");
      },
    });
    bench.send(bench.call("work"));
    await eventually("the message", () => rig.server.inWork === 1);
    isAway = false;
    await eventually("the reply", () => bench.replies.length === 1);
    expect(rig.server.counts).toMatchObject({ served: 1, returned: 0 });
  });

  it("returns messages when the store stays away, and takes them when it is back", async () => {
    let isAway = true;
    const rig = await bench.start(
      {
        work: async ({ args }) => {
          if (isAway) {
            throw new StoreUnavailableError("away");
          }
          return answer(args["n"]);
        },
      },
      { holdMs: 200, storeReady: async () => !isAway },
    );
    for (let n = 0; n < 40; n += 1) {
      bench.send(bench.call("work", { n }));
    }
    await eventually(
      "the messages in the queue",
      async () => (await bench.raw.depth(bench.topic)) === 40,
    );
    expect(rig.server.isConsuming).toBe(false);
    expect(rig.server.pauseReasons).toEqual(["store-away"]);
    isAway = false;
    await eventually("all replies", () => bench.replies.length === 40);
    expect(new Set(bench.replies.map((reply) => reply["result"])).size).toBe(
      40,
    );
    expect(rig.server.isConsuming).toBe(true);
  });

  it("takes nothing while paused, and finishes what is in work when drained", async () => {
    const gate = Promise.withResolvers<void>();
    let begun = 0;
    const rig = await bench.start({
      work: async () => {
        begun += 1;
        await gate.promise;
        return answer(null);
      },
    });
    bench.send(bench.call("work"));
    await eventually("the first", () => begun === 1);
    const drained = rig.server.drain({ signal: AbortSignal.timeout(10_000) });
    await eventually("no consumer", () => !rig.server.isConsuming);
    bench.send(bench.call("work"));
    await eventually(
      "the second in the queue",
      async () => (await bench.raw.depth(bench.topic)) === 1,
    );
    gate.resolve();
    await drained;
    expect([begun, rig.server.inWork]).toEqual([1, 0]);
    await eventually("the first reply", () => bench.replies.length === 1);
    await rig.server.resume("drain");
    await eventually("the second", () => bench.replies.length === 2);
  });

  it("counts and drops calls that expired before anybody took them", async () => {
    const rig = await bench.start({ echo: async () => answer(null) });
    await rig.server.pause("high-water");
    bench.send(bench.call("echo"), { expiration: 50 });
    await eventually(
      "the expiry",
      async () => (await bench.raw.depth(`${bench.topic}.expired`)) === 1,
    );
    await rig.server.resume("high-water");
    await eventually("the count", () => rig.server.counts.expired === 1);
    expect(await bench.raw.depth(`${bench.topic}.dead`)).toBe(0);
  });

  it("does not let a dead caller keep others waiting", async () => {
    const rig = await bench.start(
      { echo: async ({ args }) => answer(args["n"]) },
      { missingQueueRetryMs: 4000 },
    );
    for (let n = 0; n < 20; n += 1) {
      bench.send(bench.call("echo", { n }, { _reply_q: "reply_gone" }));
    }
    bench.send(bench.call("echo", { n: "alive" }));
    await eventually(
      "the live caller's reply",
      () => bench.replies.length === 1,
      3500,
    );
    await eventually("the log", () =>
      rig.log.some(({ event }) => event === "reply undeliverable"),
    );
    const before = rig.server.counts.served;
    bench.send(bench.call("echo", {}, { _reply_q: "reply_gone" }));
    await eventually(
      "no second wait",
      () => rig.server.counts.served > before && rig.server.inWork === 0,
      3500,
    );
    expect(bench.replies).toHaveLength(1);
  });

  it("stops at once, also while it waits for a caller's queue", async () => {
    const rig = await bench.start({ echo: async () => answer(null) });
    bench.send(bench.call("echo", {}, { _reply_q: "reply_gone" }));
    await eventually("the wait", () => rig.server.inWork === 1);
    const startedMs = performance.now();
    await rig.server[Symbol.asyncDispose]();
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect(rig.server.inWork).toBe(0);
  });

  it("keeps an answer's caller alive while the handler works", async () => {
    await bench.start({
      slow: async () => {
        await sleep(1300);
        return answer("done");
      },
    });
    bench.send(bench.call("slow", {}, { _timeout: 2 }));
    await eventually("the end", () =>
      bench.replies.some((reply) => reply["ending"] === true),
    );
    await sleep(1200);
    expect(
      bench.replies.map((reply) => [reply["ending"], reply["result"]]),
    ).toEqual([
      [false, null],
      [true, "done"],
    ]);
  });

  it("shortens an answer that is too large", async () => {
    await bench.start({ big: async () => answer("x".repeat(5 * 1024 * 1024)) });
    bench.send(bench.call("big"));
    await eventually("the reply", () => bench.replies.length === 1);
    expect(failureOf(bench.replies[0])).toMatchObject({
      kwargs: { error_code: "REPLY_TOO_BIG" },
    });
  });

  it("comes back when its queue is deleted", async () => {
    const rig = await bench.start({ echo: async () => answer("again") });
    await bench.raw.channel.deleteQueue(bench.topic);
    await eventually(
      "a new queue",
      async () =>
        (await bench.raw.depth(bench.topic)) === 0 && rig.server.isConsuming,
    );
    bench.send(bench.call("echo"));
    await eventually("the reply", () => bench.replies.length === 1);
    expect(bench.replies[0]).toMatchObject({ result: "again" });
  });
});
