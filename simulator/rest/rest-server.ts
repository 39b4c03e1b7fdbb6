import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Certificates } from "../certificates.ts";
import type { Clock } from "../clock.ts";
import type { Fault } from "../faults/fault.ts";
import { Faults } from "../faults/faults.ts";
import { listen } from "../listen.ts";
import type { Version } from "../version.ts";
import type { Endpoint } from "./endpoint.ts";
import { faultReply, isAnswering } from "./fault-reply.ts";
import { type ReadRequest, readRequest } from "./read-request.ts";
import { type Reply, errorReply } from "./reply.ts";
import { type OpenRequest, RequestLog } from "./request-log.ts";
import { type RestSettings, RestRouter } from "./rest-router.ts";
import { Sessions } from "./sessions.ts";

/** What the server serves, and how it is reached. */
export interface RestOptions {
  readonly endpoints: readonly Endpoint[];
  readonly clock: Clock;
  /** Read with each request: tests change them. */
  readonly settings: RestSettings;
  /** The 2.x versions, oldest first. */
  readonly apiVersions: readonly Version[];
  readonly apiToken: string;
  readonly certificates: Certificates;
  /** 0: any free one. */
  readonly port: number;
}

/** HTTPS as a FlashArray speaks it, on 127.0.0.1. */
export class RestServer implements AsyncDisposable {
  readonly faults = new Faults();
  readonly log = new RequestLog();
  readonly sessions: Sessions;
  readonly #options: RestOptions;
  readonly #router: RestRouter;
  readonly #server: Server;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();

  private constructor(options: RestOptions) {
    this.#options = options;
    this.sessions = new Sessions(options.clock, options.settings);
    this.#router = new RestRouter({ ...options, sessions: this.sessions });
    const { cert, key } = options.certificates;
    this.#server = createServer({ cert, key }, (request, response) => {
      const answered = this.#serve(request, response).catch(
        (error: unknown) => {
          // The client went away while its request was read or answered.
          response.destroy(Error.isError(error) ? error : undefined);
        },
      );
      this.#running.add(answered);
      void answered.finally(() => this.#running.delete(answered));
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  /** Listens. */
  static async start(options: RestOptions): Promise<RestServer> {
    const server = new RestServer(options);
    await listen(server.#server, options.port, "the array's HTTPS");
    return server;
  }

  /** Without a slash at its end. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `https://127.0.0.1:${port}`;
  }

  /** The 2.x versions, oldest first. */
  get versions(): readonly Version[] {
    return this.#router.apiVersions;
  }

  /** The 2.x versions from now on, as after an upgrade of the array. */
  setVersions(apiVersions: readonly Version[]): void {
    this.#router.apiVersions = apiVersions;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    const closed = new Promise((resolve) => {
      this.#server.close(resolve);
    });
    this.#server.closeAllConnections();
    await Promise.all(this.#running);
    await closed;
  }

  async #serve(
    incoming: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const request = await readRequest(incoming);
    const id = request.headers["x-request-id"] ?? randomUUID();
    const entry = this.log.add({
      at: this.#options.clock.now(),
      id,
      method: request.method,
      path: request.path,
      version: request.version,
      query: request.loggedQuery,
      body: request.loggedBody,
    });
    response.setHeader("X-Request-ID", id);
    if (request.isTooLong) {
      send(response, entry, errorReply(413, "The body is too long."));
      return;
    }
    const fault = this.faults.meet({
      method: request.method,
      path: request.path,
      query: request.queryText,
      body: request.bodyText,
    });
    await this.#answer(request, response, entry, fault);
  }

  async #answer(
    request: ReadRequest,
    response: ServerResponse,
    entry: OpenRequest,
    fault: Fault | null,
  ): Promise<void> {
    if (fault?.kind === "hang") {
      await this.#hang(response);
      entry.end("reset", "the simulator hung");
      return;
    }
    if (fault?.kind === "reset-before") {
      reset(response, entry, "reset before it was executed");
      return;
    }
    const reply = await this.#replyTo(request, entry, fault);
    if (fault?.kind === "reset-after") {
      reset(response, entry, `reset after it was executed (${reply.status})`);
    } else if (fault?.kind === "cut-off") {
      cutOff(response, entry, reply);
    } else if (fault?.kind === "truncated-json") {
      send(response, entry, { ...reply, body: firstHalf(reply.body) });
    } else {
      send(response, entry, reply);
    }
  }

  async #replyTo(
    request: ReadRequest,
    entry: OpenRequest,
    fault: Fault | null,
  ): Promise<Reply> {
    if (fault?.kind === "slow") {
      await this.#wait(fault.ms);
    }
    if (fault?.kind === "unauthorized") {
      this.sessions.revoke(request.headers["x-auth-token"]);
    }
    return fault !== null && isAnswering(fault)
      ? faultReply(
          fault,
          request.version ?? "2.0",
          this.#options.settings.arrayName,
        )
      : await this.#router.route(request, entry);
  }

  async #wait(ms: number): Promise<void> {
    try {
      await sleep(ms, undefined, { signal: this.#closing.signal });
    } catch {
      // The server is closing: the request is executed all the same, as every accepted one.
    }
  }

  /** Until the client gives up or the server closes. */
  async #hang(response: ServerResponse): Promise<void> {
    if (!response.destroyed && !this.#closing.signal.aborted) {
      await Promise.race([
        once(response, "close"),
        once(this.#closing.signal, "abort"),
      ]);
    }
    response.destroy();
  }
}

function firstHalf(text: string): string {
  return text.slice(0, Math.ceil(text.length / 2));
}

function reset(
  response: ServerResponse,
  entry: OpenRequest,
  why: string,
): void {
  entry.end("reset", why);
  response.destroy();
}

function send(
  response: ServerResponse,
  entry: OpenRequest,
  reply: Reply,
): void {
  // Before the client can see the answer, so that it finds it in the log.
  entry.end(reply.status, reply.error ?? null);
  response
    .writeHead(reply.status, {
      ...reply.headers,
      "Content-Length": Buffer.byteLength(reply.body),
    })
    .end(reply.body);
}

/** Headers with the whole length, then half of the body, then nothing. */
function cutOff(
  response: ServerResponse,
  entry: OpenRequest,
  reply: Reply,
): void {
  entry.end("reset", `cut off within the answer (${reply.status})`);
  response.writeHead(reply.status, {
    ...reply.headers,
    "Content-Length": Math.max(2, Buffer.byteLength(reply.body)),
  });
  response.write(firstHalf(reply.body) || " ", () => response.destroy());
}
