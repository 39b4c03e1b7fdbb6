import type { IncomingMessage } from "node:http";
import { ArrayRefusal } from "../array-refusal.ts";
import type { Version } from "../version.ts";
import type { Json } from "./endpoint.ts";
import { queryPairs } from "./parse-query.ts";
import { type Route, routeOf } from "./route.ts";

/** A request that was read, not yet checked. */
export interface ReadRequest {
  readonly method: string;
  readonly route: Route;
  /** Below the version, such as `volumes/tags/batch`; `api_version`; otherwise as in the URL. */
  readonly path: string;
  readonly version: Version | null;
  /** As in the URL. */
  readonly queryText: string;
  readonly bodyText: string;
  readonly isTooLong: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly loggedQuery: Readonly<Record<string, string>>;
  readonly loggedBody: Json;
}

const maxBodyBytes = 1024 * 1024;

/** Reads a request to its end. */
export async function readRequest(
  incoming: IncomingMessage,
): Promise<ReadRequest> {
  const [pathname = "", ...rest] = (incoming.url ?? "").split("?");
  const queryText = rest.join("?");
  const route = routeOf(pathname);
  const { text, isTooLong } = await bodyOf(incoming);
  return {
    method: incoming.method ?? "",
    route,
    path: pathOf(route, pathname),
    version: route.kind === "versioned" ? route.version : null,
    queryText,
    bodyText: text,
    isTooLong,
    headers: headersOf(incoming),
    loggedQuery: loggedQueryOf(queryText),
    loggedBody: loggedBodyOf(text),
  };
}

function pathOf(route: Route, pathname: string): string {
  switch (route.kind) {
    case "versioned":
      return route.path;
    case "versions":
      return "api_version";
    case "other":
      return pathname;
  }
}

function headersOf(
  incoming: IncomingMessage,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(incoming.headers).flatMap(([name, value]) =>
      typeof value === "string" ? [[name, value]] : [],
    ),
  );
}

async function bodyOf(
  incoming: IncomingMessage,
): Promise<{ readonly text: string; readonly isTooLong: boolean }> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= maxBodyBytes) {
      chunks.push(chunk);
    }
  }
  const isTooLong = length > maxBodyBytes;
  return { text: isTooLong ? "" : Buffer.concat(chunks).toString(), isTooLong };
}

function loggedQueryOf(text: string): Readonly<Record<string, string>> {
  try {
    const values = new Map<string, string>();
    for (const [name, value] of queryPairs(text)) {
      const former = values.get(name);
      values.set(name, former === undefined ? value : `${former}&${value}`);
    }
    return Object.fromEntries(values);
  } catch (error) {
    if (error instanceof ArrayRefusal) {
      return { "": text };
    }
    throw error;
  }
}

function loggedBodyOf(text: string): Json {
  try {
    return text === "" ? null : (JSON.parse(text) as Json);
  } catch {
    return null;
  }
}
