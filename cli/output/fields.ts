/** A JSON object as a daemon answers it; an older or newer one may lack fields or have more. */
export type Fields = Readonly<Record<string, unknown>>;

/** `value` as {@link Fields}; anything else becomes an empty object. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** The objects of a JSON array. */
export function fieldsList(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

/** `value` if it is a string, else an empty one. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
