import type { VendorNode } from "./vendor-schema.ts";

/** What of a raw query the described parameters do not allow. */
export function queryProblems(
  query: string,
  parameters: readonly VendorNode[],
  follow: (node: VendorNode) => VendorNode,
): string[] {
  const pairs = query === "" ? [] : query.split("&");
  const seen = new Set<string>();
  const problems = pairs.flatMap((pair) => {
    const [name = "", ...rest] = pair.split("=");
    const isRepeated = seen.has(name);
    seen.add(name);
    const parameter = parameters.find((one) => one.name === name);
    if (parameter === undefined) {
      return [`unknown parameter ${name}`];
    }
    const found = isRepeated
      ? ["repeated, not one comma-separated value"]
      : valueProblems(
          rest.join("="),
          parameter,
          follow(parameter.schema ?? {}),
        );
    return found.map((problem) => `${name}: ${problem}`);
  });
  const missing = parameters.filter(
    ({ name = "", required }) => required === true && !seen.has(name),
  );
  return [
    ...problems,
    ...missing.map(({ name }) => `missing parameter ${name}`),
    ...(seen.has("names") && seen.has("ids") ? ["both names and ids"] : []),
  ];
}

/** Only commas between the parts of a list may stand unencoded. */
const encoded = /^(?:[\w.~!*'()-]|%[0-9A-Fa-f]{2})+$/;

function valueProblems(
  raw: string,
  { style, explode }: VendorNode,
  schema: VendorNode & { readonly minimum?: number },
): string[] {
  const { type = "", minimum = 0 } = schema;
  const isList = type === "array";
  if (isList && (style !== "form" || explode !== false)) {
    return [`a list of style ${style}, explode ${explode}`];
  }
  const parts = isList ? raw.split(",") : [raw];
  const wrong = parts.find((part) => !encoded.test(part));
  if (wrong !== undefined) {
    return [`not encoded, or empty: ${wrong}`];
  }
  return hasForm(raw, type, minimum) ? [] : [`no ${type}: ${raw}`];
}

function hasForm(raw: string, type: string, minimum: number): boolean {
  switch (type) {
    case "array":
    case "string":
      return true;
    case "boolean":
      return raw === "true" || raw === "false";
    case "integer":
      return /^\d+$/.test(raw) && Number(raw) >= minimum;
    default:
      throw new Error(`a parameter of type ${type}`);
  }
}
