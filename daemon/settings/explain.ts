import { closest } from "../closest.ts";
import { backendKeys } from "./backend-schema.ts";
import type { SettingsSources } from "./sources.ts";

interface Issue {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[] | readonly PropertyKey[];
}

/** A finding of the schema as lines for an operator: the key, where it came from, what is wrong, what to do. */
export function explainIssue(
  issue: Issue,
  sources: SettingsSources,
): readonly string[] {
  const key = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    const known = [
      ...Object.keys(objectAt(sources.values, issue.path)),
      ...keysOfBackend(sources.values, issue.path),
    ];
    return (issue.keys ?? []).map((unknown) => {
      const name = String(unknown);
      const meant = closest(
        name,
        known.filter((each) => each !== name),
      );
      const path = key === "" ? name : `${key}.${name}`;
      return `${path} is unknown${meant === null ? ": remove it" : ` (did you mean ${meant}?)`}`;
    });
  }
  const variable = sources.variables.get(key);
  const isFromThere =
    variable !== undefined && sources.names.includes(variable);
  const place = isFromThere ? `${key} (${variable})` : key;
  return [`${place} ${issue.message}`];
}

/** What the backend at the beginning of a path may have there, by its driver. */
function keysOfBackend(
  values: unknown,
  path: readonly PropertyKey[],
): readonly string[] {
  if (path[0] !== "backends" || path.length < 2) {
    return [];
  }
  const { driver } = objectAt(values, path.slice(0, 2));
  return backendKeys(path, driver);
}

function objectAt(
  values: unknown,
  path: readonly PropertyKey[],
): Readonly<Record<string, unknown>> {
  let node = values;
  for (const step of path) {
    node = isObject(node) ? node[String(step)] : undefined;
  }
  return isObject(node) ? node : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object";
}
