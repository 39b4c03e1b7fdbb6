import { describe, expect, it } from "@jest/globals";
import type { EventMessage } from "../../daemon/jobs/job.ts";
import { OutboxSender } from "../../daemon/jobs/outbox-sender.ts";
import type { MessageSender } from "../../daemon/jobs/outbox.ts";
import { MemoryStore } from "../fakes/memory-store.ts";
import { eventually } from "../helpers/eventually.ts";
import { recordingLogger } from "../helpers/recording-logger.ts";

function event(eventType: string): EventMessage {
  return {
    messageId: eventType,
    uniqueId: eventType,
    eventType,
    priority: "INFO",
    publisherId: "volume.n1",
    timestampMs: 0,
    payload: {},
    context: {},
  };
}

/** A broker that can be away, and what it got. */
function broker() {
  const got: string[] = [];
  const state = { isConnected: true, takesEvents: true };
  const sender: MessageSender = {
    get isConnected() {
      return state.isConnected;
    },
    sendEvent: async ({ eventType }) => {
      await Promise.resolve();
      if (!state.takesEvents) {
        throw new Error("refused");
      }
      got.push(eventType);
    },
    sendReply: async ({ msgId }) => {
      await Promise.resolve();
      got.push(msgId);
      return "sent";
    },
    sendHeartbeat: async () => await Promise.resolve(true),
  };
  return { got, state, sender };
}

describe("OutboxSender", () => {
  it("tells after an outage what happened first, first", async () => {
    const { outbox } = new MemoryStore().forNode("n1");
    const { got, state, sender } = broker();
    const { logger, lines } = recordingLogger();
    await using outboxSender = new OutboxSender(outbox, sender, logger);
    outboxSender.start();
    state.takesEvents = false;
    for (const name of ["a", "b", "c"]) {
      outboxSender.send(await outbox.append([event(name)]));
    }
    await eventually("a failure", () => lines.length > 0);
    state.takesEvents = true;
    outboxSender.send(await outbox.append([event("d")]));
    await eventually("all of them", () => got.length === 4);
    expect(got).toEqual(["a", "b", "c", "d"]);
    await eventually(
      "an empty outbox",
      async () => (await outbox.depth()) === 0,
    );
    expect(lines.map(({ level, event: what }) => `${level} ${what}`)).toContain(
      "warn not sent, kept in the outbox",
    );
  });

  it("does not let events that are refused hold replies up", async () => {
    const { outbox } = new MemoryStore().forNode("n1");
    const { got, state, sender } = broker();
    const { logger } = recordingLogger();
    await using outboxSender = new OutboxSender(outbox, sender, logger);
    state.takesEvents = false;
    outboxSender.send(await outbox.append([event("a")]));
    outboxSender.send([
      {
        id: "reply-1",
        kind: "reply",
        target: {
          replyQueue: "q",
          msgId: "m1",
          deadlineMs: null,
          monitorTimeoutS: null,
        },
        uniqueId: "u",
        outcome: { kind: "result", result: null },
      },
    ]);
    await eventually("the reply", () => got.includes("m1"));
    expect(await outbox.depth()).toBe(1);
  });

  it("keeps what is written while the broker is away", async () => {
    const { outbox } = new MemoryStore().forNode("n1");
    const { got, state, sender } = broker();
    const { logger } = recordingLogger();
    await using outboxSender = new OutboxSender(outbox, sender, logger);
    outboxSender.start();
    state.isConnected = false;
    outboxSender.tell([event("a")]);
    await eventually("the row", async () => (await outbox.depth()) === 1);
    state.isConnected = true;
    await eventually("the event", () => got.length > 0);
    expect(got).toEqual(["a"]);
  });
});
