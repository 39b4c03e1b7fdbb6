import { once } from "node:events";
import { type IncomingMessage, type ServerResponse } from "node:http";
import { Agent, type Server, createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Certificate } from "./make-certificate.ts";

/** A request and its answer as they were on the wire. */
export interface VendorExchange {
  readonly method: string;
  /** Path and query, undecoded. */
  readonly target: string;
  readonly requestHeaders: IncomingMessage["headers"];
  readonly requestBody: string;
  readonly status: number;
  readonly answerHeaders: IncomingMessage["headers"];
  readonly answerBody: string;
}

/** Stands between a client and an array, with a certificate of its own, and writes down what passes. */
export class VendorRecorder implements AsyncDisposable {
  readonly exchanges: VendorExchange[] = [];
  /** SHA-256 of its certificate. */
  readonly fingerprint: string;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false });

  private constructor(certificate: Certificate, upstream: string) {
    const { key, cert, fingerprint } = certificate;
    this.fingerprint = fingerprint;
    this.#server = createServer({ key, cert }, (message, response) => {
      // A test that waits for the answer sees the end of the connection.
      this.#pass(message, response, upstream).catch(() => response.destroy());
    });
  }

  static async open(
    certificate: Certificate,
    upstream: string,
  ): Promise<VendorRecorder> {
    const recorder = new VendorRecorder(certificate, upstream);
    recorder.#server.listen(0, "127.0.0.1");
    await once(recorder.#server, "listening");
    return recorder;
  }

  /** For the client's settings. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await once(this.#server, "close");
  }

  async #pass(
    message: IncomingMessage,
    response: ServerResponse,
    upstream: string,
  ): Promise<void> {
    const { method = "", url = "", headers, rawHeaders } = message;
    const body = await buffer(message);
    const { hostname, port } = new URL(upstream);
    const sent = request({
      hostname,
      port,
      method,
      path: url,
      headers: rawHeaders,
      agent: this.#agent,
    });
    sent.end(body);
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    const answerBody = await buffer(answer);
    this.exchanges.push({
      method,
      target: url,
      requestHeaders: headers,
      requestBody: body.toString(),
      status: answer.statusCode ?? 0,
      answerHeaders: answer.headers,
      answerBody: answerBody.toString(),
    });
    response.writeHead(answer.statusCode ?? 0, answer.rawHeaders);
    response.end(answerBody);
  }
}
