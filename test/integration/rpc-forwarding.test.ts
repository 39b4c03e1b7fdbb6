import { describe, expect, it } from "@jest/globals";
import type {
  RpcHandler,
  RpcRequest,
} from "../../daemon/consumers/rpc-request.ts";
import { eventually } from "../helpers/eventually.ts";
import { answer, failureOf, useRpcBench } from "../helpers/rpc-bench.ts";

describe("RpcServer, for requests that another daemon serves", () => {
  const bench = useRpcBench();

  it("passes a request for another backend on, once, with its user and its time", async () => {
    const seen: RpcRequest[] = [];
    const forward: RpcHandler = async () => ({
      kind: "forward",
      backend: "there",
    });
    await bench.start({ create: forward }, { backends: ["here"] });
    await bench.start(
      {
        create: async (request) => {
          seen.push(request);
          return answer("made there");
        },
      },
      { backends: ["there"], topic: bench.topic, adminBrokerUsers: ["guest"] },
    );
    bench.raw.publish(
      bench.exchange,
      `${bench.topic}.here`,
      bench.call("create", { size: 1 }),
      {
        expiration: 5000,
        userId: "guest",
      },
    );
    await eventually("the reply", () => bench.replies.length === 1);
    expect(bench.replies[0]).toMatchObject({ result: "made there" });
    expect(seen[0]).toMatchObject({
      wasForwarded: true,
      mayAdministrate: true,
      args: { size: 1 },
    });
    const left = Number(seen[0]?.reply?.deadlineMs) - Date.now();
    expect(left).toBeGreaterThan(1000);
    expect(left).toBeLessThanOrEqual(5000);
  });

  it.each([
    ["nobody", "nowhere"],
    ["a name longer than a routing key", "x".repeat(300)],
  ])(
    "answers NoValidBackend when %s serves the backend",
    async (_name, backend) => {
      await bench.start({ create: async () => ({ kind: "forward", backend }) });
      bench.send(bench.call("create"));
      await eventually("the reply", () => bench.replies.length === 1);
      expect(failureOf(bench.replies[0])).toMatchObject({
        class: "NoValidBackend",
        kwargs: { error_code: "NO_VALID_BACKEND" },
      });
    },
  );

  it("does not pass a request on twice", async () => {
    const forward: RpcHandler = async () => ({
      kind: "forward",
      backend: "here",
    });
    await bench.start({ create: forward });
    bench.send(bench.call("create"));
    await eventually("the reply", () => bench.replies.length === 1);
    expect(failureOf(bench.replies[0])).toMatchObject({
      class: "NoValidBackend",
    });
  });

  it("lets only listed broker users administrate", async () => {
    const seen: boolean[] = [];
    const handlers: Record<string, RpcHandler> = {
      who: async ({ mayAdministrate }) => {
        seen.push(mayAdministrate);
        return { kind: "accepted" };
      },
    };
    await bench.start(handlers, { adminBrokerUsers: ["guest"] });
    bench.send(bench.call("who"));
    await eventually("one", () => seen.length === 1);
    bench.send(bench.call("who"), { userId: "guest" });
    await eventually("two", () => seen.length === 2);
    bench.send(bench.call("who"), {
      headers: { "x-ivc-forwarded": 1, "x-ivc-broker-user": "guest" },
    });
    await eventually("three", () => seen.length === 3);
    expect(seen).toEqual([false, true, false]);
  });

  it("does not believe a header of those who share the daemon's own broker user", async () => {
    const seen: boolean[] = [];
    await bench.start(
      {
        who: async ({ mayAdministrate }) => {
          seen.push(mayAdministrate);
          return { kind: "accepted" };
        },
      },
      { adminBrokerUsers: ["ivc-admin"] },
    );
    bench.send(bench.call("who"), {
      userId: "guest",
      headers: { "x-ivc-forwarded": 1, "x-ivc-broker-user": "ivc-admin" },
    });
    await eventually("one", () => seen.length === 1);
    expect(seen).toEqual([false]);
  });
});
