import { describe, expect, it } from "@jest/globals";
import { eventually } from "../helpers/eventually.ts";
import { answer, useRpcBench } from "../helpers/rpc-bench.ts";
import { hasOslo, osloCall } from "../helpers/run-python.ts";

const echo = { echo: async () => answer("here") };
const durable = {
  durableQueues: true,
  quorumQueue: false,
  transientQuorumQueue: false,
};

describe("declareRpcTopology", () => {
  const bench = useRpcBench();

  it("declares topic queues of its own as durable quorum queues with dead-lettering", async () => {
    await bench.start(echo, { backends: ["a", "b"] });
    const { topic } = bench;
    const names = [
      topic,
      `${topic}.a`,
      `${topic}.b`,
      `${topic}.node-1@a`,
      `${topic}.node-1@b`,
    ];
    for (const name of names) {
      await bench.raw.channel.assertQueue(name, {
        durable: true,
        arguments: {
          "x-queue-type": "quorum",
          "x-delivery-limit": 20,
          "x-dead-letter-exchange": `${topic}.dead`,
          "x-dead-letter-strategy": "at-least-once",
          "x-overflow": "reject-publish",
        },
      });
    }
    const bindings = await bench.ctl("list_bindings", "-p", vhostOf(bench.url));
    for (const name of names) {
      expect(bindings).toContain(
        `${bench.exchange}\texchange\t${name}\tqueue\t${name}\t`,
      );
    }
  });

  it.each([
    [
      "classic",
      undefined,
      { durable: false },
      { durable: false, autoDelete: true },
    ],
    [
      "durable",
      durable,
      { durable: true },
      { durable: false, autoDelete: true },
    ],
    [
      "quorum with transient quorum",
      { durableQueues: false, quorumQueue: true, transientQuorumQueue: true },
      { durable: true },
      { durable: true, autoDelete: true },
    ],
  ])(
    "declares the exchanges as oslo does: %s",
    async (name, flags, control, fanout) => {
      const exchange = `control-${name.replaceAll(" ", "-")}`;
      await bench.start(echo, { exchange, ...(flags && { flags }) });
      // Another declaration with other flags would be refused.
      await bench.raw.channel.assertExchange(exchange, "topic", {
        ...control,
        autoDelete: false,
      });
      await bench.raw.channel.assertExchange(
        `${bench.topic}_fanout`,
        "fanout",
        fanout,
      );
      await expect(bench.raw.depth(bench.topic)).resolves.toBe(0);
    },
  );

  it.each([
    ["not durable, we durable", { durable: false }, durable, "false"],
    ["durable, we not", { durable: true }, undefined, "true"],
  ])(
    "takes an exchange that is %s, and names the option",
    async (name, found, flags, current) => {
      const exchange = `there-${name.replaceAll(/\W+/gu, "-")}`;
      await bench.raw.channel.assertExchange(exchange, "topic", found);
      const rig = await bench.start(echo, {
        exchange,
        ...(flags && { flags }),
      });
      expect(rig.log).toContainEqual({
        level: "warn",
        event: "declared otherwise on the broker, taken as it is",
        fields: expect.objectContaining({
          entity: "exchange",
          name: exchange,
          argument: "durable",
          found: expect.stringContaining(current),
          hint: expect.stringContaining("amqp_durable_queues"),
        }),
      });
      bench.raw.publish(exchange, bench.topic, bench.call("echo"));
      await eventually("the reply", () => bench.replies.length === 1);
      expect(bench.replies[0]).toMatchObject({ result: "here" });
    },
  );

  it("takes a queue that somebody declared with other arguments", async () => {
    const topic = "t-other-arguments";
    await bench.raw.channel.assertQueue(topic, {
      durable: true,
      arguments: { "x-queue-type": "quorum" },
    });
    await bench.raw.channel.assertQueue(`${topic}.here`, { durable: false });
    const rig = await bench.start(echo, { topic });
    bench.send(bench.call("echo"));
    bench.raw.publish(bench.exchange, `${topic}.here`, bench.call("echo"));
    await eventually("both replies", () => bench.replies.length === 2);
    const names = rig.log
      .filter(({ fields }) => fields["entity"] === "queue")
      .map(({ fields }) => fields["name"]);
    expect(names).toEqual([topic, `${topic}.here`]);
  });

  const withOslo = hasOslo ? describe : describe.skip;
  withOslo("with a caller of oslo.messaging", () => {
    it("serves one whose flags are not ours", async () => {
      const exchange = "durable-callers";
      await bench.raw.channel.assertExchange(exchange, "topic", {
        durable: true,
      });
      await bench.start(echo, { exchange });
      const at = { url: bench.url, exchange, topic: bench.topic };
      const answered = await osloCall(
        at,
        "call",
        "echo",
        {},
        "--option",
        "amqp_durable_queues=true",
      );
      expect(answered.result).toBe("here");
    });
  });
});

function vhostOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1)) || "/";
}
