/**
 * Loaded into the daemon by `--import`: writes a line for each answer to an HTTP request of its own, timed at the
 * socket. It sees what a tracer outside would see and TLS hides, and changes nothing in the daemon.
 */
import { channel } from "node:diagnostics_channel";
import { appendFileSync } from "node:fs";
import type { ClientRequest } from "node:http";

/** One HTTP exchange, as the process that asked has seen it. */
export interface SeenExchange {
  readonly method: string;
  /** Path and query, as in the request line. */
  readonly path: string;
  /** From the first byte of the request to the head of its answer. */
  readonly ms: number;
}

interface Message {
  readonly request: ClientRequest;
}

type AnyFunction = (...args: unknown[]) => unknown;

const file = process.env["BENCH_HTTP_LOG"] ?? "";
const begins = new WeakMap<ClientRequest, number>();

/** Node tells when a request is made and when all of it was sent, but the array begins between the two. */
function onCreated(message: unknown): void {
  const { request } = message as Message;
  for (const name of ["write", "end"] as const) {
    const send = request[name].bind(request) as AnyFunction;
    const noting: AnyFunction = (...args) => {
      if (!begins.has(request)) {
        begins.set(request, performance.now());
      }
      return send(...args);
    };
    Object.defineProperty(request, name, { value: noting });
  }
}

function onFinish(message: unknown): void {
  const endMs = performance.now();
  const { request } = message as Message;
  const { method, path } = request;
  const ms = endMs - (begins.get(request) ?? Number.NaN);
  const seen: SeenExchange = { method, path, ms };
  appendFileSync(file, `${JSON.stringify(seen)}\n`);
}

if (file !== "") {
  channel("http.client.request.created").subscribe(onCreated);
  channel("http.client.response.finish").subscribe(onFinish);
}
