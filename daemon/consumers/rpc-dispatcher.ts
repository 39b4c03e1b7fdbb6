import type { Fault } from "../errors.ts";
import type { RequestCall } from "./oslo-request.ts";
import type { RpcHandler } from "./rpc-request.ts";

/** What a request's method, namespace and version lead to. */
export type Dispatched =
  | {
      readonly kind: "found";
      readonly method: string;
      readonly handler: RpcHandler;
    }
  | { readonly kind: "refused"; readonly fault: Fault };

/** oslo's own method that shows whether a server listens. */
const PING = "oslo_rpc_server_ping";

const ping: RpcHandler = async () =>
  await Promise.resolve({
    kind: "answer",
    outcome: { kind: "result", result: "pong" },
  });

function refused(
  remoteClass: string,
  code: string,
  message: string,
): Dispatched {
  const fault: Fault = {
    code,
    remoteClass,
    status: 400,
    scope: "request",
    retry: "never",
    message,
  };
  return { kind: "refused", fault };
}

function shown(value: unknown): string {
  if (value === null || value === undefined) {
    return "None";
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.replaceAll(/\p{Cc}/gu, " ").slice(0, 80);
}

/** True for a version that an endpoint of version 1.0 serves. */
function isServed(version: unknown): boolean {
  const parts =
    typeof version === "string"
      ? /^(?<major>\d+)\.(?<minor>\d+)(?:\.(?<revision>\d+))?$/u.exec(version)
          ?.groups
      : undefined;
  return (
    parts !== undefined &&
    Number(parts["major"]) === 1 &&
    Number(parts["minor"]) === 0 &&
    Number(parts["revision"] ?? 0) === 0
  );
}

/** Number of letters to add, drop or change to get from one word to the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const change = from[i - 1] === to[j - 1] ? 0 : 1;
      next.push(
        Math.min(
          (row[j] ?? 0) + 1,
          (next[j - 1] ?? 0) + 1,
          (row[j - 1] ?? 0) + change,
        ),
      );
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

function suggestion(method: string, known: Iterable<string>): string {
  if (method.length > 64) {
    return "";
  }
  const close = [...known]
    .filter((name) => !name.startsWith("_"))
    .map((name) => ({ name, far: distance(method, name) }))
    .filter(({ far }) => far <= 3)
    .toSorted((a, b) => a.far - b.far)[0];
  return close === undefined ? "" : ` (did you mean ${close.name}?)`;
}

/** Finds the handler by oslo's rules for an endpoint of version 1.0 without a namespace. */
export function dispatch(
  call: RequestCall,
  handlers: ReadonlyMap<string, RpcHandler>,
): Dispatched {
  const { method, namespace, version } = call;
  if (namespace !== null || !isServed(version)) {
    return refused(
      "UnsupportedVersion",
      "RPC_VERSION_UNSUPPORTED",
      `Endpoint does not support RPC version ${shown(version)}. Attempted method: ${shown(method)}`,
    );
  }
  const name = typeof method === "string" ? method : "";
  const handler = name === PING ? ping : handlers.get(name);
  if (handler === undefined || name.startsWith("_")) {
    return refused(
      "NoSuchMethod",
      "RPC_METHOD_UNKNOWN",
      `Endpoint does not support RPC method ${shown(method)}${suggestion(name, handlers.keys())}`,
    );
  }
  return { kind: "found", method: name, handler };
}
