import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import type { ArrayProcess } from "./start-array.ts";

/** An item of an answer. */
export type Item = Readonly<Record<string, unknown>>;

/** The least that can talk to an array: no checks, no repetition, one kept connection for each request under way. */
export class PlainRestClient implements Disposable {
  readonly #url: URL;
  readonly #agent: Agent;
  #session = "";

  private constructor(url: string, ca: string) {
    this.#url = new URL(url);
    this.#agent = new Agent({ ca, keepAlive: true });
  }

  static async open(array: ArrayProcess): Promise<PlainRestClient> {
    const ca = await readFile(array.caFile, "utf8");
    const client = new PlainRestClient(array.url, ca);
    const token = { "api-token": array.apiToken };
    const answer = await client.#send("POST", "login", null, token);
    client.#session = String(answer.headers["x-auth-token"]);
    return client;
  }

  /** The items of the answer; `path` is below the version, with its query. */
  async call(
    method: string,
    path: string,
    body: unknown = null,
  ): Promise<readonly Item[]> {
    const headers = { "x-auth-token": this.#session };
    const { text } = await this.#send(method, path, body, headers);
    return text === ""
      ? []
      : (JSON.parse(text) as { readonly items: readonly Item[] }).items;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #send(
    method: string,
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>>,
  ) {
    const content = body === null ? undefined : JSON.stringify(body);
    const sent = request({
      hostname: this.#url.hostname,
      port: this.#url.port,
      path: `/api/2.26/${path}`,
      method,
      agent: this.#agent,
      headers: {
        ...headers,
        ...(content !== undefined && {
          "content-type": "application/json",
          "content-length": String(Buffer.byteLength(content)),
        }),
      },
    });
    sent.end(content);
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    let text = "";
    for await (const chunk of response.setEncoding(
      "utf8",
    ) as AsyncIterable<string>) {
      text += chunk;
    }
    if (response.statusCode !== 200) {
      throw new Error(`${method} ${path}: ${response.statusCode} ${text}`);
    }
    return { headers: response.headers, text };
  }
}
