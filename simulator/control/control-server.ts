import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { listen } from "../listen.ts";
import { CommandError } from "./command-error.ts";
import type { Controls } from "./controls.ts";
import { type Command, runCommand } from "./run-command.ts";

/** Plain HTTP on 127.0.0.1 for people and programs in other languages: what tests in this process do with objects. */
export class ControlServer implements AsyncDisposable {
  readonly #server: Server;

  private constructor(controls: Controls) {
    this.#server = createServer((request, response) => {
      serve(request, response, controls).catch(() => response.destroy());
    });
  }

  /** Port 0 is any free one. */
  static async start(controls: Controls, port: number): Promise<ControlServer> {
    const server = new ControlServer(controls);
    await listen(server.#server, port, "the control interface");
    return server;
  }

  /** Without a slash at its end. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => {
      this.#server.close(resolve);
    });
    this.#server.closeAllConnections();
    await closed;
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  controls: Controls,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
  }
  const { pathname, searchParams } = new URL(
    request.url ?? "/",
    "http://127.0.0.1",
  );
  const [status, answer] = answerOf(
    {
      name: `${request.method ?? ""} ${pathname}`,
      query: searchParams,
      bodyText: Buffer.concat(chunks).toString(),
      // Browsers always tell the origin of a page that writes: no page may turn the array.
      isFromProgram: request.headers.origin === undefined,
    },
    controls,
  );
  response
    .writeHead(status, { "Content-Type": "application/json" })
    .end(`${JSON.stringify(answer, null, 2)}\n`);
}

function answerOf(
  command: Command & {
    readonly isFromProgram: boolean;
  },
  controls: Controls,
): readonly [number, unknown] {
  if (!command.isFromProgram) {
    return [403, { error: "not for web pages" }];
  }
  try {
    return [200, runCommand(command, controls)];
  } catch (error) {
    if (error instanceof CommandError) {
      return [error.status, { error: error.message }];
    }
    throw error;
  }
}
