/* Names and metadata come from users: an escape sequence in them would run on the operator's terminal. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** One line of text for a terminal: `-` for nothing, JSON for objects, and no character that a terminal would obey. */
export function printable(value: unknown): string {
  return raw(value).replaceAll(unprintable, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}

function raw(value: unknown): string {
  if (value === null || value === undefined || value === "") {
    return "-";
  }
  if (typeof value === "object") {
    return JSON.stringify(value);
  }
  return typeof value === "string" ? value : `${value as number | boolean}`;
}
