import type { ListingParameter, Parameter } from "../rest/endpoint.ts";
import type { Version } from "../version.ts";

/** One comma-separated value. */
export const list: Parameter = { type: "list" };
/** `true` or `false`. */
export const boolean: Parameter = { type: "boolean" };
/** Whole numbers. */
export const integer: Parameter = { type: "integer" };
/** Any text. */
export const string: Parameter = { type: "string" };

/** A parameter that a later version brought. */
export function since(parameter: Parameter, version: Version): Parameter {
  return { ...parameter, since: version };
}

/** Listings without a continuation token. */
export const unpagedListing: readonly ListingParameter[] = [
  "filter",
  "sort",
  "limit",
  "offset",
  "total_item_count",
];

/** Most listings. */
export const pagedListing: readonly ListingParameter[] = [
  ...unpagedListing,
  "continuation_token",
];

/** Listings that also answer sums. */
export const totalListing: readonly ListingParameter[] = [
  ...pagedListing,
  "total_only",
];
