import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Server, createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import type { Certificate } from "./make-certificate.ts";

/** One request that came in. */
export interface ServedRequest {
  /** Such as `PATCH volumes`, without `/api/2.x/`. */
  readonly call: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

/** How a request is dealt with. */
export type Behaviour = (
  request: ServedRequest,
  response: ServerResponse,
) => void;

/** The API token that {@link ArrayServer} takes. */
export const goodApiToken = "3bdf3b60-f0c0-fa8a-83c1-b794ba8f562c";

/** Answers with a status and JSON. */
export function json(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Behaviour {
  return (_, response) => {
    response.writeHead(status, {
      "content-type": "application/json",
      ...headers,
    });
    response.end(JSON.stringify(body));
  };
}

/** Answers with a status and what may be no JSON at all. */
export function plain(status: number, body = ""): Behaviour {
  return (_, response) => {
    response.writeHead(status, { "content-type": "text/html" }).end(body);
  };
}

/** Resets the connection instead of answering. */
export const reset: Behaviour = (_, response) => {
  response.socket?.destroy();
};

/** Never answers. */
export const hang: Behaviour = () => {};

/** Announces more than it sends, then closes. */
export const cutOff: Behaviour = (_, response) => {
  response.writeHead(200, { "content-length": "100" });
  response.write('{"items":[');
  setTimeout(() => response.socket?.destroy(), 20);
};

/** A small HTTPS server with the sessions of an array, that misbehaves on cue. */
export class ArrayServer implements AsyncDisposable {
  readonly requests: ServedRequest[] = [];
  readonly sessions = new Set<string>();
  versions: readonly string[] = ["1.19", "2.2", "2.4", "2.26"];
  /** Answers calls with a good session. */
  serve: Behaviour = json(200, { items: [] });
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  readonly #cues: { readonly call: string; readonly behaviour: Behaviour }[] =
    [];

  private constructor({ key, cert }: Certificate) {
    this.#server = createServer({ key, cert }, (request, response) => {
      response.on("error", () => {});
      request.on("error", () => {});
      void this.#take(request, response);
    });
    this.#server.on("tlsClientError", () => {});
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async open(
    certificate: Certificate,
    { host = "127.0.0.1", port = 0 } = {},
  ): Promise<ArrayServer> {
    const server = new ArrayServer(certificate);
    server.#server.listen(port, host);
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** The next requests of this kind are dealt with like this, one each. */
  cue(call: string, ...behaviours: readonly Behaviour[]): void {
    this.#cues.push(...behaviours.map((behaviour) => ({ call, behaviour })));
  }

  calls(call: string): readonly ServedRequest[] {
    return this.requests.filter((request) => request.call === call);
  }

  #cueFor(call: string): Behaviour | null {
    const index = this.#cues.findIndex((cue) => cue.call === call);
    return index === -1 ? null : this.#cues.splice(index, 1)[0]!.behaviour;
  }

  async #take(
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const url = message.url ?? "";
    const body = await text(message).catch(() => "");
    const path = url.replace(/\?.*$/, "").replace(/^\/api\/(?:2\.\d+\/)?/, "");
    const request: ServedRequest = {
      call: `${message.method} ${path}`,
      url,
      headers: message.headers,
      body: body === "" ? null : JSON.parse(body),
    };
    this.requests.push(request);
    const behaviour = this.#cueFor(request.call) ?? this.#usual(request);
    behaviour(request, response);
  }

  #usual({ call, headers }: ServedRequest): Behaviour {
    const session = String(headers["x-auth-token"]);
    switch (call) {
      case "GET api_version":
        return json(200, { version: this.versions });
      case "POST login":
        return this.#login(headers["api-token"]);
      case "POST logout":
        this.sessions.delete(session);
        return plain(200);
      default:
        return this.sessions.has(session)
          ? this.serve
          : json(401, { errors: [{ message: "Invalid session." }] });
    }
  }

  #login(apiToken: unknown): Behaviour {
    if (apiToken !== goodApiToken) {
      return json(401, { errors: [{ message: "Not authorized." }] });
    }
    const session = randomUUID();
    this.sessions.add(session);
    return json(
      200,
      { items: [{ username: "pureuser" }] },
      { "X-Auth-Token": session },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) {
      return;
    }
    this.#server.close();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await once(this.#server, "close");
  }
}
