import { ArrayRefusal } from "../array-refusal.ts";
import type { Qos } from "../model/volume-record.ts";

/** Limits of a body: a number, or an empty text that takes the limit off. */
export function readQos(
  given: Readonly<Partial<Record<keyof Qos, unknown>>>,
): Partial<Qos> {
  const { bandwidth_limit: bandwidth, iops_limit: iops } = given;
  return {
    ...(bandwidth !== undefined && {
      bandwidth_limit: readLimit(bandwidth, "bandwidth_limit"),
    }),
    ...(iops !== undefined && { iops_limit: readLimit(iops, "iops_limit") }),
  };
}

/** A number, or an empty text for null. */
export function readLimit(value: unknown, field: string): number | null {
  if (value === "") {
    return null;
  }
  if (typeof value === "number" && Number.isInteger(value)) {
    return value;
  }
  // Invented text.
  throw new ArrayRefusal(`${field} must be an integer or empty.`);
}
