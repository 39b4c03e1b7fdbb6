import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "@jest/globals";
import { NotificationListener } from "../../cli/notification-listener.ts";
import { aNotification } from "../helpers/a-notification.ts";
import { eventually } from "../helpers/eventually.ts";
import { opened } from "../helpers/raw-broker.ts";
import { useRpcBench } from "../helpers/rpc-bench.ts";
import { hasOslo, helperScript } from "../helpers/run-python.ts";

const target = (replyQueue: string, deadlineMs: number | null = null) => ({
  replyQueue,
  msgId: "m-1",
  deadlineMs,
  monitorTimeoutS: 2,
});
const result = { kind: "result", result: { a: 1 } } as const;

describe("OsloMessageSender", () => {
  const bench = useRpcBench();

  it("sends a reply with the id it was given, marked as oslo wants it", async () => {
    const rig = await bench.start({});
    const queue = "reply_properties";
    await bench.raw.channel.assertQueue(queue, { durable: false });
    await expect(
      rig.sender.sendReply(target(queue), "u-1", result),
    ).resolves.toBe("sent");
    const message = await bench.raw.take(queue);
    expect(message?.properties).toMatchObject({
      contentType: "application/json",
      contentEncoding: "utf-8",
      deliveryMode: 2,
      priority: 0,
    });
    expect(opened(message!.content)).toEqual({
      result: { a: 1 },
      failure: null,
      ending: true,
      _msg_id: "m-1",
      _unique_id: "u-1",
    });
  });

  it("offers a reply again until the caller's queue is there", async () => {
    const rig = await bench.start({});
    const queue = `reply_${randomUUID()}`;
    let isMissing = false;
    const sending = rig.sender.sendReply(target(queue), "u-1", result, {
      onMissingQueue: () => {
        isMissing = true;
      },
    });
    await eventually("the first try", () => isMissing);
    await bench.raw.channel.assertQueue(queue, { durable: false });
    await expect(sending).resolves.toBe("sent");
  });

  it("gives up on a queue that stays away, and remembers it", async () => {
    const rig = await bench.start({}, { missingQueueRetryMs: 1_500 });
    const startedMs = performance.now();
    await expect(
      rig.sender.sendReply(target("reply_never"), "u-1", result),
    ).resolves.toBe("undeliverable");
    expect(performance.now() - startedMs).toBeGreaterThan(1_400);
    const againMs = performance.now();
    await expect(
      rig.sender.sendReply(target("reply_never"), "u-2", result),
    ).resolves.toBe("undeliverable");
    expect(performance.now() - againMs).toBeLessThan(1_300);
  });

  it("tries once for a caller whose time ran out a minute ago", async () => {
    const rig = await bench.start({});
    const late = target("reply_late", Date.now() - 61_000);
    await expect(rig.sender.sendReply(late, "u-1", result)).resolves.toBe(
      "undeliverable",
    );
  });

  it("tells whether a heartbeat found its queue", async () => {
    const rig = await bench.start({});
    await bench.raw.channel.assertQueue("reply_beats", { durable: false });
    await expect(rig.sender.sendHeartbeat(target("reply_beats"))).resolves.toBe(
      true,
    );
    await expect(rig.sender.sendHeartbeat(target("reply_none"))).resolves.toBe(
      false,
    );
    const message = await bench.raw.take("reply_beats");
    expect(opened(message!.content)).toMatchObject({
      result: null,
      failure: null,
      ending: false,
    });
  });

  it("rejects within its time when there is no broker", async () => {
    const rig = await bench.start(
      {},
      {
        waitUntilReady: false,
        url: "amqp://127.0.0.1:1",
        confirmTimeoutMs: 200,
      },
    );
    expect(rig.sender.isConnected).toBe(false);
    await expect(rig.sender.sendEvent(aNotification())).rejects.toMatchObject({
      code: "AMQP_UNAVAILABLE",
      retry: "later",
    });
  });

  it("declares the notification queue first, so that nothing is lost before somebody listens", async () => {
    const rig = await bench.start({});
    const event = aNotification({
      priority: "ERROR",
      context: { project_id: "p-1", auth_token: "canary" },
    });
    await rig.sender.sendEvent(event);
    const message = await bench.raw.take(`${bench.topic}-notifications.error`);
    expect(opened(message!.content)).toEqual({
      message_id: event.messageId,
      publisher_id: "volume.node-1",
      event_type: "image_volume_cache.hit",
      priority: "ERROR",
      payload: event.payload,
      timestamp: "2026-11-22 11:19:20.517000",
      _unique_id: event.uniqueId,
      _context_project_id: "p-1",
    });
  });

  it("declares the notification queue again when it was deleted", async () => {
    const rig = await bench.start({});
    const queue = `${bench.topic}-notifications.info`;
    await rig.sender.sendEvent(aNotification());
    await bench.raw.channel.deleteQueue(queue);
    await rig.sender.sendEvent(aNotification());
    await expect(bench.raw.depth(queue)).resolves.toBe(1);
  });

  it("takes a notification queue of other flags, and still sends", async () => {
    const rig = await bench.start({});
    const queue = `${bench.topic}-notifications.info`;
    await bench.raw.channel.assertQueue(queue, { durable: true });
    await rig.sender.sendEvent(aNotification());
    await expect(bench.raw.depth(queue)).resolves.toBe(1);
    expect(rig.log.map(({ fields }) => fields["name"])).toContain(queue);
  });

  it("is heard by our listener without taking anything from others", async () => {
    const rig = await bench.start({});
    await rig.sender.sendEvent(aNotification());
    await using listener = await NotificationListener.open({
      url: bench.url,
      exchange: `${bench.exchange}-events`,
      topic: `${bench.topic}-notifications`,
    });
    const event = aNotification();
    await rig.sender.sendEvent(event);
    const stop = new AbortController();
    const heard: unknown[] = [];
    for await (const notification of listener.notifications({
      signal: stop.signal,
    })) {
      heard.push(notification["message_id"]);
      stop.abort();
    }
    expect(heard).toEqual([event.messageId]);
    await expect(
      bench.raw.depth(`${bench.topic}-notifications.info`),
    ).resolves.toBe(2);
  });

  it("tells a listener that there is no such exchange", async () => {
    const opening = NotificationListener.open({
      url: bench.url,
      exchange: "no-such",
      topic: "notifications",
    });
    await expect(opening).rejects.toMatchObject({ code: "RPC_NO_SERVER" });
  });

  const withOslo = hasOslo ? describe : describe.skip;
  withOslo("with a listener of oslo.messaging", () => {
    it("is understood", async () => {
      const rig = await bench.start({});
      const event = aNotification();
      await rig.sender.sendEvent(event);
      const python = execFile("/usr/bin/python3", [
        helperScript("oslo_listen.py"),
        "--url",
        bench.url,
        "--exchange",
        `${bench.exchange}-events`,
        "--topic",
        `${bench.topic}-notifications`,
        "--count",
        "1",
      ]);
      const [printed] = await Promise.all([
        text(python.stdout!),
        once(python, "exit"),
      ]);
      expect(JSON.parse(printed)).toMatchObject({
        publisher_id: "volume.node-1",
        event_type: "image_volume_cache.hit",
        payload: event.payload,
        context: { project_id: "p-1", request_id: "req-1" },
        metadata: {
          message_id: event.messageId,
          timestamp: "2026-11-22 11:19:20.517000",
        },
      });
    });
  });
});
