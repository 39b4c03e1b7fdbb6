import type { BodyShape } from "../rest/endpoint.ts";
import type { Version } from "../version.ts";

/** An object with these fields only; a pair is a field and the version that brought it. */
export function object(
  fields: Readonly<Record<string, BodyShape | readonly [BodyShape, Version]>>,
): BodyShape {
  const entries = Object.entries(fields).map(([name, field]) =>
    isPair(field)
      ? ([name, { shape: field[0], since: field[1] }] as const)
      : ([name, { shape: field }] as const),
  );
  return { kind: "object", fields: Object.fromEntries(entries) };
}

/** A list of one shape. */
export function arrayOf(of: BodyShape): BodyShape {
  return { kind: "array", of };
}

/** An object by name or id. */
export const reference = object({ id: "string", name: "string" });

/** What `priority_adjustment` is. */
export const priorityAdjustment = object({
  priority_adjustment_operator: "string",
  priority_adjustment_value: "integer",
});

/** Limits when an object is made. */
export const qos = object({
  bandwidth_limit: "integer",
  iops_limit: "integer",
});

/** Limits when an object is changed: a number, or an empty text for none. */
export const qosChange = object({ bandwidth_limit: "any", iops_limit: "any" });

function isPair(
  field: BodyShape | readonly [BodyShape, Version],
): field is readonly [BodyShape, Version] {
  return Array.isArray(field);
}
