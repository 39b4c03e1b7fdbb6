import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { RpcClient } from "../../cli/rpc-client.ts";
import { parseAmqpUrl } from "../../daemon/consumers/amqp-endpoint.ts";
import { RequestError } from "../../daemon/errors.ts";
import { eventually } from "../helpers/eventually.ts";
import { answer, useRpcBench } from "../helpers/rpc-bench.ts";
import { TcpProxy } from "../helpers/tcp-proxy.ts";

describe("RpcClient", () => {
  const bench = useRpcBench();
  const open = async (
    different: { exchange?: string; topic?: string; url?: string } = {},
  ) =>
    await RpcClient.connect({
      url: bench.url,
      exchange: bench.exchange,
      topic: bench.topic,
      ...different,
    });

  it("calls, to any daemon and to a named one, and casts", async () => {
    const casts: unknown[] = [];
    await bench.start({
      echo: async ({ args, access }) =>
        answer({ args, projectId: access.projectId }),
      note: async ({ args }) => {
        casts.push(args["n"]);
        return { kind: "accepted" };
      },
    });
    await using client = await open();
    const context = { project_id: "p-1" };
    const options = { context, timeoutMs: 5000 };
    const expected = { args: { text: "ä" }, projectId: "p-1" };
    await expect(client.call("echo", { text: "ä" }, options)).resolves.toEqual(
      expected,
    );
    await expect(
      client.call("echo", { text: "ä" }, { ...options, server: "node-1@here" }),
    ).resolves.toEqual(expected);
    await client.cast("note", { n: 7 });
    await eventually("the cast", () => casts.length === 1);
  });

  it("raises what the daemon answered", async () => {
    await bench.start({
      refuse: async () => {
        throw new RequestError("VOLUME_NOT_FOUND", "no volume v-1", {
          remoteClass: "VolumeNotFound",
          status: 404,
        });
      },
    });
    await using client = await open();
    await expect(
      client.call("refuse", {}, { timeoutMs: 5000 }),
    ).rejects.toMatchObject({
      name: "RpcRemoteError",
      remoteClass: "VolumeNotFound",
      status: 404,
      errorCode: "VOLUME_NOT_FOUND",
      message: "VOLUME_NOT_FOUND: no volume v-1",
    });
  });

  it("counts heartbeats, and waits on while they come", async () => {
    await bench.start({
      slow: async () => {
        await sleep(2500);
        return answer("done");
      },
    });
    await using client = await open();
    let beats = 0;
    const options = {
      timeoutMs: 10_000,
      monitorTimeoutS: 2,
      onHeartbeat: () => void (beats += 1),
    };
    await expect(client.call("slow", {}, options)).resolves.toBe("done");
    expect(beats).toBe(2);
  });

  it("gives up after its time, and when it is told to", async () => {
    const rig = await bench.start({
      slow: async () => await sleep(2000, answer(null)),
    });
    await using client = await open();
    await expect(
      client.call("slow", {}, { timeoutMs: 200 }),
    ).rejects.toMatchObject({ code: "RPC_TIMEOUT" });
    const signal = AbortSignal.timeout(200);
    await expect(
      client.call("slow", {}, { timeoutMs: 9000, signal }),
    ).rejects.toMatchObject({ name: "TimeoutError" });
    await eventually("the end of the work", () => rig.server.inWork === 0);
  });

  it.each([
    ["exchange", { exchange: "nowhere" }],
    ["topic", { topic: "nothing" }],
  ])("says that nobody listens: %s", async (_name, different) => {
    await bench.start({});
    const calling = (async () => {
      await using client = await open(different);
      return await client.call("echo", {}, { timeoutMs: 5000 });
    })();
    await expect(calling).rejects.toMatchObject({
      code: "RPC_NO_SERVER",
      message: expect.stringContaining("no ivcd is listening"),
    });
  });

  it("fails calls in flight when the connection is lost", async () => {
    const rig = await bench.start({
      slow: async () => await sleep(1000, answer(null)),
    });
    const [endpoint] = parseAmqpUrl(bench.url);
    await using proxy = await TcpProxy.open(endpoint!);
    const url = new URL(bench.url);
    url.port = String(proxy.port);
    await using client = await open({ url: url.href });
    const calling = client.call("slow", {}, { timeoutMs: 9000 });
    const cutWhenServed = async () => {
      await eventually("the call", () => rig.server.inWork === 1);
      proxy.cut();
    };
    await Promise.all([
      expect(calling).rejects.toMatchObject({ code: "RPC_CLOSED" }),
      cutWhenServed(),
    ]);
    await expect(
      client.call("slow", {}, { timeoutMs: 9000 }),
    ).rejects.toMatchObject({ code: "RPC_CLOSED" });
  });

  it("does not wait for a broker longer than it is told to", async () => {
    const opening = RpcClient.connect({
      url: "amqp://127.0.0.1:1",
      exchange: "e",
      topic: "t",
    });
    await expect(opening).rejects.toMatchObject({ code: "AMQP_CONNECT" });
    const aborted = RpcClient.connect({
      url: bench.url,
      exchange: "e",
      topic: "t",
      signal: AbortSignal.abort(),
    });
    await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
  });
});
