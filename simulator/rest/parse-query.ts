import { ArrayRefusal } from "../array-refusal.ts";
import { isAtLeast, type Version } from "../version.ts";
import type { Endpoint, ListingParameter, Parameter } from "./endpoint.ts";
import { ParsedQuery, type QueryValue } from "./parsed-query.ts";

const listingParameters: Readonly<Record<ListingParameter, Parameter>> = {
  filter: { type: "string" },
  sort: { type: "list" },
  limit: { type: "integer" },
  offset: { type: "integer" },
  continuation_token: { type: "string" },
  total_item_count: { type: "boolean" },
  total_only: { type: "boolean" },
};

/**
 * Pairs of a query in their order, decoded as forms are (`+` is a space). `/` and `::` need no encoding.
 *
 * @throws {ArrayRefusal} a broken percent-encoding
 */
export function queryPairs(
  text: string,
): readonly (readonly [string, string])[] {
  return text
    .split("&")
    .filter((part) => part !== "")
    .map((part) => {
      const [name = "", ...rest] = part.split("=");
      return [decoded(name), decoded(rest.join("="))] as const;
    });
}

/**
 * Reads a query as strictly as the vendor's OpenAPI file allows. Filters come as a list: all of them hold.
 *
 * @throws {ArrayRefusal} an unknown, repeated, too new, empty or malformed parameter, or two that exclude each other
 */
export function parseQuery(
  text: string,
  endpoint: Endpoint,
  version: Version,
): ParsedQuery {
  const values = new Map<string, QueryValue>();
  for (const [name, value] of queryPairs(text)) {
    const parameter = parameterOf(endpoint, name);
    if (parameter === undefined) {
      throw new ArrayRefusal(`Unknown query parameter '${name}'.`);
    }
    if (!isAtLeast(version, parameter.since ?? endpoint.since)) {
      throw new ArrayRefusal(
        `Query parameter '${name}' is not known in REST version ${version}.`,
      );
    }
    if (name === "filter") {
      // LXD's driver repeats it, and means all of them.
      const filters = values.get(name);
      const former = typeof filters === "object" ? filters : [];
      values.set(name, [...former, notEmpty(name, value)]);
      continue;
    }
    if (values.has(name)) {
      throw new ArrayRefusal(
        `Query parameter '${name}' is repeated; lists are separated by commas.`,
      );
    }
    values.set(name, valueOf(name, value, parameter));
  }
  refuseNamesWithIds(values);
  return new ParsedQuery(values);
}

function parameterOf(endpoint: Endpoint, name: string): Parameter | undefined {
  if (Object.hasOwn(endpoint.query, name)) {
    return endpoint.query[name];
  }
  return endpoint.method === "GET"
    ? endpoint.listing
        ?.filter((listing) => listing === name)
        .map((listing) => listingParameters[listing])[0]
    : undefined;
}

function valueOf(name: string, text: string, parameter: Parameter): QueryValue {
  switch (parameter.type) {
    case "string":
      return notEmpty(name, text);
    case "list":
      return listOf(name, text);
    case "boolean":
      if (text !== "true" && text !== "false") {
        throw new ArrayRefusal(
          `Query parameter '${name}' has to be true or false.`,
        );
      }
      return text === "true";
    case "integer":
      return integerOf(name, text);
  }
}

function notEmpty(name: string, text: string): string {
  if (text === "") {
    throw new ArrayRefusal(`Query parameter '${name}' is empty.`);
  }
  return text;
}

function listOf(name: string, text: string): readonly string[] {
  const parts = text.split(",");
  if (parts.includes("")) {
    throw new ArrayRefusal(`Query parameter '${name}' has an empty part.`);
  }
  // Wildcards are for filters only (REST 1.x took them in names).
  const wildcard = isNames(name)
    ? parts.find((part) => part.includes("*"))
    : undefined;
  if (wildcard !== undefined) {
    throw new ArrayRefusal(
      `Query parameter '${name}' takes no wildcards.`,
      wildcard,
    );
  }
  return parts;
}

function integerOf(name: string, text: string): number {
  const value = /^-?\d+$/u.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    throw new ArrayRefusal(`Query parameter '${name}' has to be an integer.`);
  }
  if ((name === "limit" || name === "offset") && value < 0) {
    throw new ArrayRefusal(`Query parameter '${name}' cannot be negative.`);
  }
  return value;
}

function isNames(name: string): boolean {
  return name === "names" || name.endsWith("_names");
}

function refuseNamesWithIds(values: ReadonlyMap<string, QueryValue>): void {
  for (const name of values.keys()) {
    const ids = name.replace(/names$/u, "ids");
    if (isNames(name) && values.has(ids)) {
      throw new ArrayRefusal(
        `Query parameters '${name}' and '${ids}' exclude each other.`,
      );
    }
  }
}

function decoded(text: string): string {
  if (/%(?![0-9A-Fa-f]{2})/u.test(text)) {
    throw new ArrayRefusal(`The query has a broken percent-encoding: ${text}`);
  }
  // Unlike decodeURIComponent it does not throw for bytes that are no UTF-8.
  return Buffer.from(
    text
      .replaceAll("+", " ")
      .replaceAll(/%[0-9A-Fa-f]{2}/gu, (code) =>
        String.fromCodePoint(Number.parseInt(code.slice(1), 16)),
      ),
    "latin1",
  ).toString();
}
