import { createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { openConnection } from "../../daemon/consumers/amqp-connect.ts";
import { parseAmqpUrl } from "../../daemon/consumers/amqp-endpoint.ts";
import { AmqpLink } from "../../daemon/consumers/amqp-link.ts";
import { eventually } from "../helpers/eventually.ts";
import { recordingLogger } from "../helpers/recording-logger.ts";
import { TcpProxy } from "../helpers/tcp-proxy.ts";
import { useRabbitmq } from "../helpers/use-rabbitmq.ts";

async function failureOfConnect(url: string, options = {}): Promise<unknown> {
  const [endpoint] = parseAmqpUrl(url);
  try {
    await openConnection(endpoint!, { name: "test", ...options });
    return null;
  } catch (error) {
    return error;
  }
}

describe("openConnection", () => {
  const broker = useRabbitmq();

  it.each([
    [
      "a wrong password",
      (url: URL) => void (url.password = "canary-pa55"),
      "AMQP_AUTH",
      "guest",
    ],
    [
      "an unknown vhost",
      (url: URL) => void (url.pathname = "/no-such"),
      "AMQP_VHOST",
      "no-such",
    ],
    [
      "a port where nobody listens",
      (url: URL) => void (url.port = "1"),
      "AMQP_CONNECT",
      "ECONNREFUSED",
    ],
    [
      "TLS to a plain port",
      (url: URL) => void (url.protocol = "amqps:"),
      "AMQP_CONNECT",
      "with TLS",
    ],
  ])("tells %s", async (_name, change, code, text) => {
    const url = new URL(broker.url);
    // URL does not change the scheme of amqp: by assignment where it is special; it is not.
    change(url);
    const failure = await failureOfConnect(url.href);
    expect(failure).toMatchObject({
      code,
      message: expect.stringContaining(text),
    });
    expect(String(failure)).not.toContain("canary-pa55");
  });

  it("gives up on a broker that says nothing", async () => {
    const sockets: Socket[] = [];
    const mute = createServer((socket) => void sockets.push(socket)).listen(
      0,
      "127.0.0.1",
    );
    await eventually("listening", () => mute.listening);
    const { port } = mute.address() as { port: number };
    const failure = await failureOfConnect(`amqp://127.0.0.1:${port}`, {
      connectTimeoutMs: 200,
    });
    expect(failure).toMatchObject({
      code: "AMQP_CONNECT",
      message: expect.stringContaining("ETIMEDOUT"),
    });
    for (const socket of sockets) {
      socket.destroy();
    }
    mute.close();
  });
});

describe("AmqpLink", () => {
  const broker = useRabbitmq();

  it("goes on to the next host, and rebuilds a channel that the broker closed", async () => {
    const { logger, lines } = recordingLogger();
    let setups = 0;
    const [good] = parseAmqpUrl(broker.url);
    await using link = new AmqpLink({
      endpoints: [{ ...good!, port: 1 }, good!],
      name: "test",
      logger,
      maxBackoffMs: 200,
      setup: async ({ channel }) => {
        setups += 1;
        await channel.assertQueue("link-test", {
          durable: false,
          autoDelete: true,
        });
      },
    });
    link.start();
    const first = await link.ready(10_000);
    first.channel.publish("no-such-exchange", "", Buffer.from("x"));
    await eventually(
      "the end of the first channel",
      () => first.signal.aborted,
    );
    const second = await link.ready(10_000);
    expect(second.connectionId).toBe(first.connectionId);
    expect(setups).toBe(2);
    expect(lines).toContainEqual(
      expect.objectContaining({
        event: "amqp link failed",
        fields: expect.objectContaining({ replyCode: 404 }),
      }),
    );
    expect(JSON.stringify(lines)).not.toContain("guest:guest");
  });

  it("gives a connection up whose set-up the broker never answers, and tries again", async () => {
    const { logger, lines } = recordingLogger();
    const connections = new Set<string>();
    await using link = new AmqpLink({
      endpoints: parseAmqpUrl(broker.url),
      name: "test",
      logger,
      maxBackoffMs: 200,
      setupTimeoutMs: 300,
      setup: async ({ connectionId }) => {
        connections.add(connectionId);
        if (connections.size === 1) {
          await new Promise(() => {});
        }
      },
    });
    link.start();
    const session = await link.ready(10_000);
    expect(connections.size).toBe(2);
    expect([...connections].at(-1)).toBe(session.connectionId);
    expect(JSON.stringify(lines)).toContain("did not answer within 300 ms");
  });

  it.each([
    ["before a declaration", 0],
    ["during a declaration", 1],
    ["after the declarations", 2],
  ])(
    "comes back when the connection breaks in set-up, %s",
    async (_name, at) => {
      const [endpoint] = parseAmqpUrl(broker.url);
      await using proxy = await TcpProxy.open(endpoint!);
      let rounds = 0;
      await using link = new AmqpLink({
        endpoints: [{ ...endpoint!, port: proxy.port }],
        name: "test",
        logger: recordingLogger().logger,
        maxBackoffMs: 100,
        setup: async ({ channel, probe }) => {
          rounds += 1;
          const cutAt = (step: number) => {
            if (rounds <= 3 && step === at) {
              proxy.cut();
            }
          };
          cutAt(0);
          const declared = probe(
            async (own) =>
              await own.assertExchange("set-up", "topic", {
                durable: false,
                autoDelete: true,
              }),
          );
          cutAt(1);
          await declared;
          await channel.assertQueue("", { durable: false, exclusive: true });
          cutAt(2);
        },
      });
      link.start();
      await eventually(
        "a channel that lives",
        () => rounds === 4 && link.isConnected,
      );
      const { channel } = await link.ready(1000);
      await expect(
        channel.assertQueue("", { exclusive: true }),
      ).resolves.toBeDefined();
    },
  );

  it("stops at once, also while it tries to connect", async () => {
    const link = new AmqpLink({
      endpoints: parseAmqpUrl("amqp://127.0.0.1:1"),
      name: "test",
      logger: recordingLogger().logger,
      setup: async () => {},
    });
    link.start();
    await sleep(50);
    const startedMs = performance.now();
    await link[Symbol.asyncDispose]();
    expect(performance.now() - startedMs).toBeLessThan(4_000);
    expect(link.state).toBe("closed");
    await expect(link.ready(10)).rejects.toMatchObject({
      code: "AMQP_UNAVAILABLE",
    });
  });
});
