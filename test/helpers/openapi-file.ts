import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import type { Version } from "../../simulator/version.ts";

/** One method of one path. */
export interface Operation {
  /** Type by name of query parameter. */
  readonly query: ReadonlyMap<string, string>;
  /** Paths of the fields of a body that are no objects. */
  readonly body: ReadonlySet<string>;
  /** The same of the items of an answer. */
  readonly items: ReadonlySet<string>;
}

/** As much of an OpenAPI file as is read here. */
interface Node {
  readonly $ref?: string;
  readonly type?: string;
  readonly name?: string;
  readonly in?: string;
  readonly readOnly?: boolean;
  readonly schema?: Node;
  readonly items?: Node;
  readonly allOf?: readonly Node[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly parameters?: readonly Node[];
  readonly requestBody?: Node;
  readonly responses?: Readonly<Record<string, Node>>;
  readonly content?: Readonly<Record<string, { readonly schema: Node }>>;
}

/** Operations of one of the vendor's OpenAPI files that `isWanted`, by names such as `GET volumes/tags`. */
export async function readOperations(
  file: string,
  version: Version,
  isWanted: (name: string) => boolean,
): Promise<ReadonlyMap<string, Operation>> {
  const root = parse(await readFile(file, "utf8")) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Node>>>>;
  };
  const follow = (node: Node): Node => {
    const parts = node.$ref?.split("/").slice(1);
    return parts === undefined
      ? node
      : follow(
          parts.reduce<unknown>(
            (at, part) => (at as Record<string, unknown>)[part],
            root,
          ) as Node,
        );
  };
  const operations = new Map<string, Operation>();
  const prefix = `/api/${version}/`;
  for (const [url, methods] of Object.entries(root.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const name = `${method.toUpperCase()} ${url.replace(prefix, "")}`;
      if (url.startsWith(prefix) && isWanted(name)) {
        operations.set(name, readOperation(operation, follow));
      }
    }
  }
  return operations;
}

function readOperation(
  operation: Node,
  follow: (node: Node) => Node,
): Operation {
  const query = (operation.parameters ?? [])
    .map(follow)
    .filter((parameter) => parameter.in === "query")
    .map(({ name = "", schema = {} }) => {
      const { type = "" } = follow(schema);
      return [name, type === "array" ? "list" : type] as const;
    });
  const body = new Set<string>();
  for (const { schema } of Object.values(
    follow(operation.requestBody ?? {}).content ?? {},
  )) {
    collectSchema(schema, "", follow, body, false);
  }
  const items = new Set<string>();
  for (const { schema } of Object.values(
    follow(operation.responses?.["200"] ?? {}).content ?? {},
  )) {
    const { items: list } = Object.fromEntries(
      propertiesOf(schema, follow, true),
    );
    collectSchema(follow(list ?? {}).items ?? {}, "", follow, items, true);
  }
  return { query: new Map(query), body, items };
}

function collectSchema(
  schema: Node,
  prefix: string,
  follow: (node: Node) => Node,
  into: Set<string>,
  isAnswer: boolean,
): void {
  const properties = propertiesOf(schema, follow, isAnswer);
  const { items } = follow(schema);
  if (items !== undefined) {
    collectSchema(items, `${prefix}[]`, follow, into, isAnswer);
  } else if (properties.size === 0) {
    into.add(prefix);
  } else {
    for (const [name, inner] of properties) {
      collectSchema(inner, `${prefix}.${name}`, follow, into, isAnswer);
    }
  }
}

/** In a body read-only properties are left out. */
function propertiesOf(
  schema: Node,
  follow: (node: Node) => Node,
  isAnswer: boolean,
): ReadonlyMap<string, Node> {
  const { allOf = [], properties = {} } = follow(schema);
  return new Map([
    ...allOf.flatMap((part) => [...propertiesOf(part, follow, isAnswer)]),
    ...Object.entries(properties).filter(
      ([, inner]) =>
        isAnswer ||
        (inner.readOnly !== true && follow(inner).readOnly !== true),
    ),
  ]);
}
