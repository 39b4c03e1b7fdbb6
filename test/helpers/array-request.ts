import { once } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { type Agent, request } from "node:https";

/** One request to an array, written as plainly as Node allows: nothing is encoded or added. */
export interface ArrayRequest {
  readonly url: string;
  readonly ca: string;
  readonly method?: string;
  /** Path and query, as they go into the request line. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
}

/** An answer, whole. */
export interface ArrayResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly text: string;
}

/** Sends it on a connection of its own, unless there is an agent; fails when the connection breaks. */
export async function arrayRequest(
  options: ArrayRequest,
): Promise<ArrayResponse> {
  const { url, ca, path, method = "GET", headers = {}, body, signal } = options;
  const { hostname, port } = new URL(url);
  const sent = request({
    hostname,
    port,
    ca,
    path,
    method,
    agent: options.agent ?? false,
    headers: {
      ...(body !== undefined && {
        "content-length": String(Buffer.byteLength(body)),
      }),
      ...headers,
    },
    ...(signal !== undefined && { signal }),
  });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    text: Buffer.concat(chunks).toString(),
  };
}
