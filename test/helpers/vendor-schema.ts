/** As much of an OpenAPI file as is read here. */
export interface VendorNode {
  readonly $ref?: string;
  readonly type?: string;
  readonly name?: string;
  readonly in?: string;
  readonly required?: boolean | readonly string[];
  readonly readOnly?: boolean;
  readonly nullable?: boolean;
  readonly style?: string;
  readonly explode?: boolean;
  readonly schema?: VendorNode;
  readonly items?: VendorNode;
  readonly allOf?: readonly VendorNode[];
  readonly oneOf?: readonly VendorNode[];
  readonly properties?: Readonly<Record<string, VendorNode>>;
  readonly parameters?: readonly VendorNode[];
  readonly requestBody?: VendorNode;
  readonly responses?: Readonly<Record<string, VendorNode>>;
  readonly content?: Readonly<
    Record<string, { readonly schema: VendorNode } | undefined>
  >;
}

/** How a schema of the file is read. */
export interface SchemaReading {
  readonly follow: (node: VendorNode) => VendorNode;
  /** A request has none of the read-only fields, an answer may have all. */
  readonly of: "request" | "answer";
  /** The vendor's own files never say `nullable`, but arrays send null for whatever is unset. */
  readonly isAllNullable: boolean;
}

type JsonSchema = Readonly<Record<string, unknown>>;

const kept = [
  "enum",
  "format",
  "maximum",
  "maxItems",
  "maxLength",
  "minimum",
  "minItems",
  "minLength",
  "pattern",
  "uniqueItems",
] as const;

/**
 * A schema of OpenAPI 3.0 as one of JSON Schema: `$ref` and `allOf` are resolved into one object, so that fields nobody
 * described can be refused, and `nullable` becomes a type.
 */
export function jsonSchemaOf(
  node: VendorNode,
  reading: SchemaReading,
): JsonSchema {
  return convert(node, reading, []);
}

function convert(
  node: VendorNode,
  reading: SchemaReading,
  above: readonly VendorNode[],
): JsonSchema {
  const target = reading.follow(node);
  if (above.includes(target)) {
    throw new Error("a schema contains itself");
  }
  const parts = partsOf(target, reading.follow);
  const isNullable =
    reading.isAllNullable || parts.some((part) => part.nullable === true);
  const inner = [...above, target];
  const [oneOf] = parts.flatMap((part) => (part.oneOf ? [part.oneOf] : []));
  if (oneOf !== undefined) {
    return { oneOf: oneOf.map((one) => convert(one, reading, inner)) };
  }
  const type = parts.find((part) => part.type !== undefined)?.type;
  if (type === undefined) {
    throw new Error(`a schema without a type: ${JSON.stringify(target)}`);
  }
  return {
    type: isNullable ? [type, "null"] : type,
    ...Object.fromEntries(
      parts.flatMap((part) =>
        Object.entries(part).filter(([key]) => kept.some((k) => k === key)),
      ),
    ),
    ...(type === "array" && {
      items: convert(itemsOf(parts), reading, inner),
    }),
    ...(type === "object" && objectOf(parts, reading, inner)),
  };
}

function objectOf(
  parts: readonly VendorNode[],
  reading: SchemaReading,
  inner: readonly VendorNode[],
): JsonSchema {
  const { follow, of } = reading;
  const properties = parts
    .flatMap((part) => Object.entries(part.properties ?? {}))
    .filter(
      ([, property]) =>
        of === "answer" ||
        (property.readOnly !== true && follow(property).readOnly !== true),
    );
  return {
    properties: Object.fromEntries(
      properties.map(([name, property]) => [
        name,
        convert(property, reading, inner),
      ]),
    ),
    required: parts.flatMap(({ required }) =>
      Array.isArray(required) ? (required as readonly string[]) : [],
    ),
    additionalProperties: false,
  };
}

function partsOf(
  node: VendorNode,
  follow: (node: VendorNode) => VendorNode,
): readonly VendorNode[] {
  return [
    node,
    ...(node.allOf ?? []).flatMap((part) => partsOf(follow(part), follow)),
  ];
}

function itemsOf(parts: readonly VendorNode[]): VendorNode {
  const items = parts.find((part) => part.items !== undefined)?.items;
  if (items === undefined) {
    throw new Error("a list without items");
  }
  return items;
}
