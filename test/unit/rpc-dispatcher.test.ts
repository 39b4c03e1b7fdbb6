import { describe, expect, it } from "@jest/globals";
import { dispatch } from "../../daemon/consumers/rpc-dispatcher.ts";
import type { RpcHandler } from "../../daemon/consumers/rpc-request.ts";

const handler: RpcHandler = async () => ({ kind: "accepted" });
const handlers = new Map([
  ["create_volume", handler],
  ["get_volume", handler],
  ["_hidden", handler],
]);
const ask = (call: {
  method?: unknown;
  namespace?: unknown;
  version?: unknown;
}) =>
  dispatch(
    { method: "create_volume", namespace: null, version: "1.0", ...call },
    handlers,
  );

describe("dispatch", () => {
  it.each(["1.0", "1.0.0"])("serves version %s", (version) => {
    expect(ask({ version })).toEqual({
      kind: "found",
      method: "create_volume",
      handler,
    });
  });

  it.each([
    ["1.1", "1.1"],
    ["2.0", "2.0"],
    ["0.9", "0.9"],
    ["1", "1"],
    ["1.0.1", "1.0.1"],
    [null, "None"],
    [1, "1"],
    ["x\ny", "x y"],
  ])("refuses version %j in oslo's words", (version, shown) => {
    expect(ask({ version })).toMatchObject({
      kind: "refused",
      fault: {
        remoteClass: "UnsupportedVersion",
        message: `Endpoint does not support RPC version ${shown}. Attempted method: create_volume`,
      },
    });
  });

  it("refuses every namespace, the empty one too", () => {
    expect(ask({ namespace: "" })).toMatchObject({
      fault: { remoteClass: "UnsupportedVersion" },
    });
  });

  it.each([
    ["creat_volume", " (did you mean create_volume?)"],
    ["get_volumes", " (did you mean get_volume?)"],
    ["reboot", ""],
    ["_hidden", ""],
    ["constructor", ""],
    ["x".repeat(500), ""],
  ])("refuses the method %s", (method, suggestion) => {
    expect(ask({ method })).toMatchObject({
      fault: {
        remoteClass: "NoSuchMethod",
        message: `Endpoint does not support RPC method ${method.slice(0, 80)}${suggestion}`,
      },
    });
  });

  it.each([[undefined], [null], [{}]])("refuses the method %j", (method) => {
    expect(ask({ method })).toMatchObject({
      fault: { remoteClass: "NoSuchMethod" },
    });
  });

  it("answers oslo's ping", async () => {
    const found = ask({ method: "oslo_rpc_server_ping" });
    expect(found).toMatchObject({ kind: "found" });
  });
});
