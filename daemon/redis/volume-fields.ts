import type { VolumeRecord } from "../volume.ts";

/** Fields that the scripts compare, kept as they are; all others are JSON. */
const plain: ReadonlySet<string> = new Set([
  "status",
  "digest",
  "role",
  "jobId",
  "uniqueId",
]);

/** Names and values of a record's hash, for the arguments of a script. Undefined ones are left out. */
export function volumeFields(
  record: Partial<VolumeRecord> & { readonly uniqueId?: string },
): readonly string[] {
  return Object.entries(record).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [
          name,
          typeof value === "string" && plain.has(name)
            ? value
            : JSON.stringify(value),
        ],
  );
}

/** The record that a hash holds; null when there is none. */
export function volumeOf(
  fields: Readonly<Record<string, string>>,
): VolumeRecord | null {
  if (fields["status"] === undefined) {
    return null;
  }
  const record: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (name !== "uniqueId") {
      record[name] = plain.has(name) ? value : JSON.parse(value);
    }
  }
  return record as unknown as VolumeRecord;
}
