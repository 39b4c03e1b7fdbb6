import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  type RabbitmqServer,
  startRabbitmq,
} from "../../scripts/servers/rabbitmq-server.ts";
import { aNotification } from "../helpers/a-notification.ts";
import { eventually } from "../helpers/eventually.ts";
import { envelope, opened, openRawBroker } from "../helpers/raw-broker.ts";
import { answer } from "../helpers/rpc-bench.ts";
import { type RpcRig, startRpcRig } from "../helpers/rpc-rig.ts";

describe("a daemon's messaging, when the broker fails", () => {
  const [exchange, topic] = ["control", "ivc"];
  const served = new Set<unknown>();
  let rabbitmq: RabbitmqServer;
  let rig: RpcRig;
  let sent = 0;

  beforeAll(async () => {
    rabbitmq = await startRabbitmq();
    rig = await startRpcRig({
      url: rabbitmq.url,
      exchange,
      topic,
      confirmTimeoutMs: 1000,
      flags: {
        durableQueues: true,
        quorumQueue: false,
        transientQuorumQueue: false,
      },
      handlers: {
        count: async ({ args }) => {
          await sleep(5);
          served.add(args["n"]);
          return answer(null);
        },
      },
    });
  }, 120_000);
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
    await rabbitmq[Symbol.asyncDispose]();
  });

  const isBack = () => rig.server.isConsuming && rig.publisher.isConnected;

  async function sendSome(): Promise<void> {
    await using raw = await openRawBroker(rabbitmq.url);
    const channel = await raw.confirmChannel();
    for (let i = 0; i < 50; i += 1) {
      const message = {
        method: "count",
        args: { n: sent },
        _unique_id: randomUUID(),
      };
      channel.publish(exchange, topic, Buffer.from(envelope(message)), {
        contentType: "application/json",
        deliveryMode: 2,
      });
      sent += 1;
    }
    await channel.waitForConfirms();
  }

  /** As the outbox does: again, until the broker confirmed. */
  async function sendEventUntilConfirmed(messageId: string): Promise<void> {
    for (;;) {
      try {
        await rig.sender.sendEvent(aNotification({ messageId }));
        return;
      } catch {
        await sleep(50);
      }
    }
  }

  it("rejects what a broker short of memory does not confirm, and sends again when it has room", async () => {
    await rabbitmq.ctl("set_vm_memory_high_watermark", "absolute", "1MB");
    try {
      // The broker tells only those who publish.
      await eventually("refusal", async () => {
        const outcome = await Promise.allSettled([
          rig.sender.sendEvent(aNotification()),
        ]);
        return outcome[0].status === "rejected";
      });
      await eventually("blocked", () => rig.publisher.isBlocked);
      expect(rig.sender.isConnected).toBe(false);
      await expect(rig.sender.sendEvent(aNotification())).rejects.toMatchObject(
        { code: "AMQP_UNAVAILABLE" },
      );
    } finally {
      await rabbitmq.ctl("set_vm_memory_high_watermark", "absolute", "1GB");
    }
    await eventually("room", () => rig.sender.isConnected);
    await rig.sender.sendEvent(aNotification());
  });

  it("loses no request and no event over closed connections and kill -9", async () => {
    const ids = Array.from({ length: 20 }, () => randomUUID());
    const events: Promise<void>[] = [];
    const sendEvents = (from: number) => {
      for (const id of ids.slice(from, from + 5)) {
        events.push(sendEventUntilConfirmed(id));
      }
    };
    await sendSome();
    sendEvents(0);
    await rabbitmq.ctl("close_all_connections", "test");
    sendEvents(5);
    await eventually("the connections", isBack);
    await sendSome();
    sendEvents(10);
    await rabbitmq.kill("SIGKILL");
    await eventually("the loss", () => !rig.server.isConsuming);
    sendEvents(15);
    await rabbitmq.restart();
    await eventually("the connections after kill -9", isBack, 60_000);
    await sendSome();
    await Promise.all(events);
    await eventually("every request", () => served.size === sent, 60_000);
    expect(served.size).toBe(150);

    await using raw = await openRawBroker(rabbitmq.url);
    const arrived = new Set<unknown>();
    const queue = `${topic}-notifications.info`;
    for (
      let message = await raw.take(queue);
      message !== null;
      message = await raw.take(queue)
    ) {
      arrived.add(opened(message.content)["message_id"]);
    }
    expect(ids.filter((id) => !arrived.has(id))).toEqual([]);
  }, 120_000);
});
