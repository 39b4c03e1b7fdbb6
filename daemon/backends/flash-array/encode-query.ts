import type { Query } from "./array-client.ts";

/**
 * A query as FlashArrays read it: a list is one comma-separated value whose parts are encoded each on its own, so `/`,
 * `::` and a comma in a name stay in it. Undefined values are left out. With the question mark, or empty.
 */
export function encodeQuery(query: Query): string {
  const parts = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      const values = Array.isArray(value)
        ? (value as readonly string[])
        : [String(value)];
      return `${encodeURIComponent(key)}=${values.map(encodeURIComponent).join(",")}`;
    });
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}
