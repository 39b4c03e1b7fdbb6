import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { RpcRequest } from "../../daemon/consumers/rpc-request.ts";
import { RequestError } from "../../daemon/errors.ts";
import { eventually } from "../helpers/eventually.ts";
import { type RpcRig, startRpcRig } from "../helpers/rpc-rig.ts";
import { hasOslo, osloCall } from "../helpers/run-python.ts";
import { useRabbitmq } from "../helpers/use-rabbitmq.ts";

const withOslo = hasOslo ? describe : describe.skip;

if (!hasOslo) {
  console.warn(
    "skipped: python3-oslo.messaging is not installed (apt-get install python3-oslo.messaging)",
  );
}

withOslo("the RPC server, called by Debian's oslo.messaging", () => {
  const broker = useRabbitmq();
  const seen: RpcRequest[] = [];
  let rig: RpcRig;
  const at = () => ({ url: broker.url, exchange: "control", topic: "ivc" });
  beforeAll(async () => {
    rig = await startRpcRig({
      ...at(),
      backends: ["flash", "disk"],
      handlers: {
        echo: async (request) => {
          seen.push(request);
          const { args, access } = request;
          return {
            kind: "answer",
            outcome: { kind: "result", result: { args, access } },
          };
        },
        slow: async ({ args }) => {
          await sleep(Number(args["ms"]));
          return {
            kind: "answer",
            outcome: { kind: "result", result: "done" },
          };
        },
        refuse: async () => {
          throw new RequestError("ARG_INVALID", "size must be 1 or more");
        },
        break_down: async () => {
          throw new TypeError("secret detail");
        },
        accept: async (request) => {
          seen.push(request);
          return { kind: "accepted" };
        },
      },
    });
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });

  it("answers a call, with the context as access", async () => {
    const context = JSON.stringify({
      tenant: "p-1",
      user: "u-1",
      roles: ["member"],
      is_admin: true,
      request_id: "req-1",
      auth_token: "t0ken",
    });
    const args = { text: "größe € 😀", n: 1.5, list: [null, { a: true }] };
    const answer = await osloCall(
      at(),
      "call",
      "echo",
      args,
      "--context",
      context,
    );
    expect(answer.result).toEqual({
      args,
      access: {
        projectId: "p-1",
        userId: "u-1",
        roles: ["member"],
        isAdmin: true,
        requestId: "req-1",
        authToken: "t0ken",
      },
    });
    expect(JSON.stringify(rig.log)).not.toContain("t0ken");
  });

  it.each([
    ["one backend", "flash"],
    ["this node's backend", "node-1@disk"],
  ])("answers a call to %s", async (_name, server) => {
    const answer = await osloCall(at(), "call", "echo", {}, "--server", server);
    expect(answer.error).toBeUndefined();
  });

  it.each(["cast", "fanout"] as const)("takes a %s", async (kind) => {
    const before = seen.length;
    await osloCall(at(), kind, "accept", { kind });
    await eventually("the request", () => seen.length > before);
    expect(seen.at(-1)).toMatchObject({ args: { kind }, reply: null });
  });

  it("sends heartbeats to a caller that asked, and only while at work", async () => {
    const monitor = ["--call-monitor-timeout", "2", "--timeout", "10"];
    const answer = await osloCall(
      at(),
      "call",
      "slow",
      { ms: 2500 },
      ...monitor,
    );
    expect(answer).toEqual({ result: "done", heartbeats: 2 });
  });

  it("sends no heartbeats to one that did not ask", async () => {
    const answer = await osloCall(at(), "call", "slow", { ms: 1500 });
    expect(answer).toEqual({ result: "done", heartbeats: 0 });
  });

  it.each([
    [
      "an unknown method",
      "creat",
      [],
      "NoSuchMethod",
      "Endpoint does not support RPC method creat",
    ],
    [
      "a private method",
      "_echo",
      [],
      "NoSuchMethod",
      "Endpoint does not support RPC method _echo",
    ],
    [
      "another version",
      "echo",
      ["--version", "1.9"],
      "UnsupportedVersion",
      "Endpoint does not support RPC version 1.9. Attempted method: echo",
    ],
    [
      "a namespace",
      "echo",
      ["--namespace", "n"],
      "UnsupportedVersion",
      "Endpoint does not support RPC version 1.0. Attempted method: echo",
    ],
  ])(
    "refuses %s in oslo's words",
    async (_name, method, options, type, text) => {
      const { error } = await osloCall(at(), "call", method, {}, ...options);
      expect(error).toMatchObject({ kind: "remote", class: type });
      expect(error?.message).toContain(text);
    },
  );

  it("answers oslo's ping", async () => {
    const answer = await osloCall(at(), "call", "oslo_rpc_server_ping", {});
    expect(answer.result).toBe("pong");
  });

  it("sends an error of ours as Cinder's exception with our word", async () => {
    const { error } = await osloCall(at(), "call", "refuse", {});
    expect(error).toMatchObject({
      kind: "remote",
      class: "InvalidInput",
      message: "ARG_INVALID: size must be 1 or more",
    });
  });

  it("keeps the details of an unexpected error to its log", async () => {
    const context = JSON.stringify({ request_id: "req-broken" });
    const { error } = await osloCall(
      at(),
      "call",
      "break_down",
      {},
      "--context",
      context,
    );
    expect(error?.message).toMatch(/^INTERNAL: /u);
    expect(error?.message).not.toContain("secret detail");
    expect(rig.log).toContainEqual(
      expect.objectContaining({
        level: "error",
        fields: expect.objectContaining({ requestId: "req-broken" }),
      }),
    );
  });

  it("inflates a compressed request", async () => {
    const args = { text: "x".repeat(5000) };
    const answer = await osloCall(
      at(),
      "call",
      "echo",
      args,
      "--option",
      "kombu_compression=gzip",
    );
    expect(answer.result).toMatchObject({ args });
  });

  it("reads NaN and numbers beyond 2^53 as numbers that no check lets pass", async () => {
    const before = seen.length;
    const args = '{"nan": NaN, "low": -Infinity, "big": 9007199254740993}';
    await osloCall(at(), "cast", "accept", args);
    await eventually("the request", () => seen.length > before);
    const { nan, low, big } = seen.at(-1)?.args ?? {};
    expect([nan, low]).toEqual([Number.NaN, Number.NEGATIVE_INFINITY]);
    expect(Number.isSafeInteger(big)).toBe(false);
    expect(big).toBe(2 ** 53);
  });
});
