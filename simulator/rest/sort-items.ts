import { ArrayRefusal } from "../array-refusal.ts";
import type { Item, Json } from "./endpoint.ts";
import { fieldValues, hasField } from "./item-field.ts";

/**
 * Sorts by the fields named, `name` ascending and `name-` descending (vendor's OpenAPI file). What is unset comes
 * last either way, and ties keep the default order: neither is documented.
 *
 * @throws {ArrayRefusal} a field that no item has, or one without an order
 */
export function sortItems(
  items: readonly Item[],
  by: readonly string[],
  shapes: readonly Item[],
): readonly Item[] {
  const known = items.length > 0 ? items : shapes;
  const keys = by.map((name) => {
    const isDescending = name.endsWith("-");
    const field = isDescending ? name.slice(0, -1) : name;
    if (field === "" || (known.length > 0 && !hasField(known, field))) {
      throw new ArrayRefusal(`Invalid sort: there is no field ${field}.`);
    }
    return { field, isDescending };
  });
  return items.toSorted((a, b) => {
    for (const { field, isDescending } of keys) {
      const order = compare(keyOf(a, field), keyOf(b, field), isDescending);
      if (order !== 0) {
        return order;
      }
    }
    return 0;
  });
}

type Key = string | number | boolean | null;

function keyOf(item: Item, field: string): Key {
  const [value = null]: readonly Json[] = fieldValues(item, field);
  if (typeof value === "object" && value !== null) {
    throw new ArrayRefusal(`Invalid sort: ${field} has no order.`);
  }
  return value;
}

function compare(a: Key, b: Key, isDescending: boolean): number {
  if (a === b) {
    return 0;
  }
  if (a === null || b === null) {
    return a === null ? 1 : -1;
  }
  const order = a < b ? -1 : 1;
  return isDescending ? -order : order;
}
