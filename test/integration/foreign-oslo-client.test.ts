import { execFile } from "node:child_process";
import { describe, expect, it } from "@jest/globals";
import { answer, useRpcBench } from "../helpers/rpc-bench.ts";

const script = process.env["IVC_TEST_OSLO_CLIENT"];
const withClient = script === undefined ? describe.skip : describe;
if (script === undefined) {
  console.warn(
    "skipped: IVC_TEST_OSLO_CLIENT does not name an RPC client script built on oslo.messaging",
  );
}

withClient("an oslo.messaging client that is not ours", () => {
  const bench = useRpcBench();

  const run = async (...args: string[]) => {
    const at = [
      "--url",
      bench.url,
      "--exchange",
      bench.exchange,
      "--topic",
      bench.topic,
    ];
    return await new Promise<{ code: unknown; output: unknown }>((resolve) => {
      execFile(
        "/usr/bin/python3",
        [script ?? "", ...at, ...args],
        (error, stdout) => {
          resolve({ code: error?.code ?? 0, output: JSON.parse(stdout) });
        },
      );
    });
  };

  it("gets its answers", async () => {
    await bench.start({ echo: async ({ args }) => answer(args) });
    await expect(run("call", "echo", '{"a":1}')).resolves.toEqual({
      code: 0,
      output: { a: 1 },
    });
    // At once: such a client takes ten seconds to end.
    const answers = await Promise.all([
      run("call", "echo", '{"a":1}'),
      run("--server", "node-1@here", "--mandatory", "call", "echo", "{}"),
      run("cast", "echo", "{}"),
      run("call", "ech", "{}"),
    ]);
    expect(answers).toEqual([
      { code: 0, output: { a: 1 } },
      { code: 0, output: {} },
      { code: 0, output: null },
      {
        code: 1,
        output: expect.objectContaining({
          class: "NoSuchMethod",
          module: "oslo_messaging.rpc.dispatcher",
        }),
      },
    ]);
  });
});
