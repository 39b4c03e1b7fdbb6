import { once } from "node:events";
import { createServer, request } from "node:http";
import type { IncomingMessage, Server } from "node:http";
import path from "node:path";
import { text } from "node:stream/consumers";
import { startRabbitmq } from "../../scripts/servers/rabbitmq-server.ts";
import type { RabbitmqServer } from "../../scripts/servers/rabbitmq-server.ts";
import { ServerFolder } from "../../scripts/servers/server-process.ts";

/**
 * The one RabbitMQ of a test run. It lives in jest's main process and is started by the first test file that asks
 * for a vhost, over a socket, so that runs without such a file do not pay for it.
 */
export class TestBroker implements AsyncDisposable {
  readonly socketPath: string;
  readonly #folder: ServerFolder;
  readonly #http: Server;
  #rabbitmq: Promise<RabbitmqServer> | null = null;

  private constructor(folder: ServerFolder) {
    this.#folder = folder;
    this.socketPath = path.join(folder.folder, "broker.sock");
    this.#http = createServer((incoming, response) => {
      void (async () => {
        try {
          response.end(await this.#answer(incoming.url ?? ""));
        } catch (error) {
          response.writeHead(500).end(String(error));
        }
      })();
    });
  }

  static async open(): Promise<TestBroker> {
    const broker = new TestBroker(await ServerFolder.create("jest"));
    broker.#http.listen(broker.socketPath);
    await once(broker.#http, "listening");
    broker.#http.unref();
    return broker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.close();
    await this.#folder[Symbol.asyncDispose]();
    const rabbitmq = await this.#rabbitmq;
    await rabbitmq?.[Symbol.asyncDispose]();
  }

  async #answer(target: string): Promise<string> {
    const { pathname, searchParams } = new URL(target, "http://broker");
    const args = searchParams.getAll("arg");
    this.#rabbitmq ??= startRabbitmq();
    const rabbitmq = await this.#rabbitmq;
    if (pathname === "/add-vhost") {
      // Somebody else's broker is used as it is.
      return rabbitmq.isPrivate
        ? await rabbitmq.addVhost(args[0] ?? "")
        : rabbitmq.url;
    }
    return await rabbitmq.ctl(...args);
  }
}

/** Sends a command to the {@link TestBroker} of this run. */
export async function askTestBroker(
  command: "add-vhost" | "ctl",
  ...args: string[]
): Promise<string> {
  const socketPath = process.env["IVC_TEST_BROKER_SOCKET"];
  if (socketPath === undefined) {
    throw new Error(
      "no test broker: the file belongs below test/integration, test/contract, test/faults or test/e2e",
    );
  }
  const query = new URLSearchParams();
  for (const arg of args) {
    query.append("arg", arg);
  }
  const target = `/${command}?${query.toString()}`;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ socketPath, path: target }, resolve).on("error", reject).end();
  });
  const answer = await text(response);
  if (response.statusCode !== 200) {
    throw new Error(`test broker, ${command} ${args.join(" ")}: ${answer}`);
  }
  return answer;
}
