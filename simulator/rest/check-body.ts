import { ArrayRefusal } from "../array-refusal.ts";
import { isAtLeast, type Version } from "../version.ts";
import type { BodyShape, Endpoint, Json } from "./endpoint.ts";
import { isItem, isList } from "./item-field.ts";

/**
 * Reads a request's body and checks it against the endpoint's shape. A null is taken for every field, not in a list.
 *
 * @throws {ArrayRefusal} a body where none belongs, none where one does, broken JSON, an unknown or too new field, a wrong type
 */
export function checkBody(
  text: string,
  endpoint: Endpoint,
  version: Version,
): Json {
  if (endpoint.body === undefined) {
    if (text !== "") {
      throw new ArrayRefusal("This request takes no body.");
    }
    return null;
  }
  if (text === "") {
    if (endpoint.isBodyOptional !== true) {
      throw new ArrayRefusal("This request needs a JSON body.");
    }
    return null;
  }
  const body = parsed(text);
  if (body === null) {
    throw new ArrayRefusal("The body is null.");
  }
  check(body, endpoint.body, { path: "", version });
  return body;
}

interface Place {
  /** Dotted, empty for the body itself. */
  readonly path: string;
  readonly version: Version;
}

function check(value: Json, shape: BodyShape, place: Place): void {
  if (value === null || shape === "any") {
    return;
  }
  if (typeof shape === "string") {
    if (!isOfType(value, shape)) {
      throw wrongType(place, shape);
    }
    return;
  }
  switch (shape.kind) {
    case "array":
      if (!isList(value)) {
        throw wrongType(place, "list");
      }
      for (const [index, one] of value.entries()) {
        const path = `${place.path}[${index}]`;
        if (one === null) {
          throw new ArrayRefusal(`Field '${path}' of the body is null.`);
        }
        check(one, shape.of, { ...place, path });
      }
      return;
    case "object":
      checkFields(value, shape.fields, place);
  }
}

type Fields = Extract<BodyShape, { readonly kind: "object" }>["fields"];

function checkFields(value: Json, fields: Fields, place: Place): void {
  if (!isItem(value)) {
    throw wrongType(place, "object");
  }
  for (const [name, inner] of Object.entries(value)) {
    const path = place.path === "" ? name : `${place.path}.${name}`;
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) {
      throw new ArrayRefusal(`Unknown field '${path}' in the body.`);
    }
    if (field.since !== undefined && !isAtLeast(place.version, field.since)) {
      throw new ArrayRefusal(
        `Field '${path}' of the body is not known in REST version ${place.version}.`,
      );
    }
    check(inner, field.shape, { ...place, path });
  }
}

function isOfType(
  value: Json,
  type: "string" | "integer" | "number" | "boolean",
): boolean {
  return type === "integer"
    ? Number.isSafeInteger(value)
    : typeof value === type;
}

function wrongType({ path }: Place, wanted: string): ArrayRefusal {
  const what = path === "" ? "The body" : `Field '${path}' of the body`;
  return new ArrayRefusal(`${what} has to be of type ${wanted}.`);
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new ArrayRefusal(
      `The body is no JSON: ${(error as Error).message.replaceAll(/"[^"]*"/gu, "…")}`,
    );
  }
}
