import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { DaemonError } from "../errors.ts";
import type { Logger } from "../logger.ts";

/** What the pages show. */
export interface StatusPages {
  /** Why the daemon is not ready; empty when it is. */
  notReady(): readonly string[];
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Where the pages are. */
export interface StatusAddress {
  readonly address: string;
  readonly port: number;
}

/** Serves `/healthz` (the process is alive), `/readyz` (journal swept, consuming) and `/metrics`; read-only. */
export class StatusServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #pages: StatusPages;

  private constructor(pages: StatusPages, logger: Logger) {
    this.#pages = pages;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        logger.warn("status page failed", { error });
        send(response, 500, "text/plain", "failed\n");
      });
    });
    this.#server.requestTimeout = 10_000;
    this.#server.maxConnections = 64;
  }

  /** @throws {DaemonError} `HTTP_PORT` when the address cannot be listened on. */
  static async listen(
    at: StatusAddress,
    pages: StatusPages,
    logger: Logger,
  ): Promise<StatusServer> {
    const status = new StatusServer(pages, logger);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    status.#server.once("error", reject);
    status.#server.listen(at.port, at.address, resolve);
    try {
      await promise;
    } catch (error) {
      throw new DaemonError(
        `HTTP_PORT: cannot listen on ${at.address}:${at.port} (${codeOf(error)}); set http.port (IVC_HTTP_PORT) to a free port, or 0 for none`,
        { code: "HTTP_PORT", retry: "never", cause: error },
      );
    }
    return status;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => {
      resolve();
    });
    this.#server.closeAllConnections();
    await promise;
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      send(response, 405, "text/plain", "only GET\n");
      return;
    }
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    switch (path) {
      case "/healthz":
        send(response, 200, "text/plain", "alive\n");
        break;
      case "/readyz": {
        const reasons = this.#pages.notReady();
        if (reasons.length === 0) {
          send(response, 200, "text/plain", "ready\n");
        } else {
          send(response, 503, "text/plain", `${reasons.join("\n")}\n`);
        }
        break;
      }
      case "/metrics": {
        const page = await this.#pages.metrics();
        send(response, 200, page.contentType, page.body);
        break;
      }
      default:
        send(response, 404, "text/plain", "/healthz /readyz /metrics\n");
    }
  }
}

function codeOf(error: unknown): string {
  return Error.isError(error) && "code" in error
    ? String(error.code)
    : String(error);
}

function send(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string,
): void {
  if (!response.headersSent) {
    response.writeHead(status, {
      "content-type": contentType,
      "x-content-type-options": "nosniff",
    });
  }
  response.end(body);
}
