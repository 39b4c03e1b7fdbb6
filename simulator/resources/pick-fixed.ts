import { ArrayRefusal } from "../array-refusal.ts";
import type { Item, Query } from "../rest/endpoint.ts";

/** Items of what nobody makes or deletes: all, or those of `names`. */
export function pickFixed(
  items: readonly Item[],
  query: Query,
  kind: string,
): readonly Item[] {
  const names = query.list("names");
  return (
    names?.map((name) => {
      const found = items.find(
        (item) =>
          typeof item["name"] === "string" &&
          item["name"].toLowerCase() === name.toLowerCase(),
      );
      if (found === undefined) {
        // Modelled on the texts of volumes and hosts.
        throw new ArrayRefusal(`${kind} does not exist.`, name);
      }
      return found;
    }) ?? items
  );
}
