import { isAtLeast, type Version } from "../version.ts";
import type { Item, Json } from "./endpoint.ts";
import { isItem, isList } from "./item-field.ts";

/** The item as an older version answers it: fields that came later are not there at all. */
export function leaveOutNewer(
  item: Item,
  fieldsSince: Readonly<Record<string, Version>>,
  version: Version,
): Item {
  let kept: Json = item;
  for (const [path, since] of Object.entries(fieldsSince)) {
    if (!isAtLeast(version, since)) {
      kept = without(kept, path.split("."));
    }
  }
  return kept as Item;
}

function without(value: Json, parts: readonly string[]): Json {
  const [part = "", ...rest] = parts;
  if (isList(value)) {
    return value.map((one) => without(one, parts));
  }
  if (!isItem(value) || !Object.hasOwn(value, part)) {
    return value;
  }
  const { [part]: inner = null, ...others } = value;
  return rest.length === 0
    ? others
    : { ...value, [part]: without(inner, rest) };
}
