import type { Json } from "../rest/endpoint.ts";

/** A body whose nulls are left out, as they say no more than an absent field; an absent body is an empty one. */
export function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) {
    return (value as readonly Json[]).map(withoutNulls);
  }
  if (typeof value !== "object") {
    return value;
  }
  const kept = Object.entries(value ?? {})
    .filter(([, inner]) => inner !== null)
    .map(([name, inner]) => [name, withoutNulls(inner)] as const);
  return Object.fromEntries(kept);
}
