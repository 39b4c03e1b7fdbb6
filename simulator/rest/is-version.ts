import type { Version } from "../version.ts";

/** Whether something from outside is a REST version of the 2.x kind, such as "2.26". */
export function isVersion(text: unknown): text is Version {
  return typeof text === "string" && /^2\.(?:0|[1-9]\d{0,2})$/u.test(text);
}
