/** A point in time (ISO text or epoch ms) for people, in UTC: `2026-11-22 13:55:57Z`. */
export function humanTime(value: unknown): string {
  const time =
    typeof value === "string" || typeof value === "number"
      ? new Date(value)
      : null;
  return time === null || Number.isNaN(time.getTime())
    ? "-"
    : time
        .toISOString()
        .replace("T", " ")
        .replace(/\.\d+Z$/, "Z");
}
