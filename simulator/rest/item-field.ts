import type { Item, Json } from "./endpoint.ts";

/** True for an object, not for a list or null. */
export function isItem(value: Json | undefined): value is Item {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True for a list; `Array.isArray` alone forgets that it is readonly. */
export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/**
 * Values at a dotted path, those of all elements where a list is on the way; none when it is null or below a null.
 * A reference without name and id counts as null.
 */
export function fieldValues(item: Item, path: string): readonly Json[] {
  let values: readonly Json[] = [item];
  for (const part of path.split(".")) {
    values = values.flatMap((value) =>
      isItem(value) ? each(value, part) : [],
    );
  }
  return values;
}

function each(item: Item, part: string): readonly Json[] {
  const value = Object.hasOwn(item, part) ? item[part] : undefined;
  if (isList(value)) {
    return value;
  }
  return value === undefined || isUnset(value) ? [] : [value];
}

function isUnset(value: Json): boolean {
  return (
    value === null || (isItem(value) && Object.values(value).every(isUnset))
  );
}

/** Whether items have such a field. A null or an empty list on the way hides what is below it: that counts as known. */
export function hasField(items: readonly Item[], path: string): boolean {
  return items.some((item) => reaches(item, path.split(".")));
}

function reaches(value: Json | undefined, parts: readonly string[]): boolean {
  const [part, ...rest] = parts;
  if (part === undefined || value === null) {
    return true;
  }
  if (isList(value)) {
    return value.length === 0 || value.some((one) => reaches(one, parts));
  }
  return (
    isItem(value) && Object.hasOwn(value, part) && reaches(value[part], rest)
  );
}
