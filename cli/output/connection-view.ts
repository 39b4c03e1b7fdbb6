import { fieldsOf } from "./fields.ts";
import { printable } from "./printable.ts";
import { renderPairs } from "./render-pairs.ts";

const secretKey = /pass|secret|token/i;

/** How a host reaches a volume, one pair a line under the names that os-brick knows; passwords are not shown. */
export function connectionDetails(connection: unknown): string {
  const { driver_volume_type: type, data } = fieldsOf(connection);
  return renderPairs([
    ["driver_volume_type", printable(type)],
    ...Object.entries(fieldsOf(data)).map(
      ([key, value]) => [printable(key), shown(key, value)] as const,
    ),
  ]);
}

function shown(key: string, value: unknown): string {
  if (secretKey.test(key) && typeof value === "string" && value !== "") {
    return "*** (--json shows it)";
  }
  return Array.isArray(value)
    ? value
        .map((each) => (Array.isArray(each) ? each.join(" ") : each))
        .map(printable)
        .join(", ")
    : printable(value);
}
