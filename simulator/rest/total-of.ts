import type { Item, Json } from "./endpoint.ts";
import { isItem, isList } from "./item-field.ts";

/** Figures that are an average in a total; the other ones are sums. */
const ratios: ReadonlySet<string> = new Set([
  "data_reduction",
  "thin_provisioning",
  "total_reduction",
]);

/** Figures outside of `space` that a total has (captures of a real array: counts and priorities are null there). */
const summed: ReadonlySet<string> = new Set(["provisioned", "footprint"]);

/** The `total` of a list: the shape of an item, with figures added up and everything else unset. `shape` is for an empty list. */
export function totalOf(
  items: readonly Item[],
  shape: Item | undefined,
): readonly Item[] {
  const first = items[0] ?? shape;
  if (first === undefined) {
    return [];
  }
  const fields = Object.keys(first).map((field) => {
    const values = items.map((item) => item[field] ?? null);
    if (field === "space" && isItem(first[field])) {
      return [field, spaceOf(first[field], values)] as const;
    }
    return summed.has(field)
      ? ([field, figure(field, values)] as const)
      : ([field, unset(first[field] ?? null)] as const);
  });
  return [Object.fromEntries(fields)];
}

function spaceOf(shape: Item, spaces: readonly Json[]): Item {
  return Object.fromEntries(
    Object.keys(shape).map((field) => [
      field,
      figure(
        field,
        spaces.map((space) => (isItem(space) ? (space[field] ?? null) : null)),
      ),
    ]),
  );
}

function figure(field: string, values: readonly Json[]): number | null {
  const numbers = values.filter((value) => typeof value === "number");
  if (numbers.length === 0) {
    return null;
  }
  const sum = numbers.reduce((total, value) => total + value, 0);
  return ratios.has(field) ? sum / numbers.length : sum;
}

function unset(value: Json): Json {
  if (isList(value)) {
    return [];
  }
  return isItem(value)
    ? Object.fromEntries(Object.keys(value).map((key) => [key, null]))
    : null;
}
