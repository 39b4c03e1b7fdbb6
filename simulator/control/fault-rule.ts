import { validateHeaderName, validateHeaderValue } from "node:http";
import { type Fault, faultKinds, type FaultRule } from "../faults/fault.ts";
import type { ActiveFault } from "../faults/faults.ts";
import { CommandError } from "./command-error.ts";

/** Timers that are longer end at once. */
const longestMs = 2_147_483_647;

/** Fields of a fault in JSON: those of the rule, with `pathPattern` for a regular expression, and the fault's own. */
const fields: Readonly<Record<string, (value: unknown) => boolean>> = {
  kind: (value) => typeof value === "string" && faultKinds.has(value),
  method: (value) => typeof value === "string" && /^[A-Z]+$/u.test(value),
  path: isString,
  pathPattern: isPattern,
  skip: isCount,
  times: (value) => value === "always" || isCount(value),
  ms: (value) => isCount(value) && (value as number) <= longestMs,
  message: isString,
  context: isString,
  headers: (value) =>
    typeof value === "object" &&
    value !== null &&
    Object.entries(value).every(isHeader),
};

/** Which further fields a kind needs. */
const needed: Readonly<Record<string, string>> = {
  slow: "ms",
  refuse: "message",
};

/** What is left after the check. */
interface FaultBody {
  readonly method?: string;
  readonly path?: string;
  readonly pathPattern?: string;
  readonly skip?: number;
  readonly times?: number | "always";
}

/**
 * Reads a fault from the control interface, such as `{"kind":"slow","ms":500,"path":"volumes","times":2}`.
 *
 * @throws {CommandError} it is none
 */
export function faultRule(body: Readonly<Record<string, unknown>>): FaultRule {
  checkFault(body);
  const { pathPattern, ...rest } = body as FaultBody;
  const { method, path, skip, times, ...fault } = rest;
  return {
    fault: fault as Fault,
    ...(method !== undefined && { method }),
    ...(path !== undefined && { path }),
    ...(pathPattern !== undefined && { path: new RegExp(pathPattern, "u") }),
    ...(skip !== undefined && { skip }),
    ...(times !== undefined && { times }),
  };
}

function checkFault(body: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(fields, name) || fields[name]?.(value) !== true) {
      throw new CommandError(
        400,
        `"${name}" is unknown or wrong; a fault has ${Object.keys(fields).join(", ")}; kinds are ${[...faultKinds].join(", ")}`,
      );
    }
  }
  const { kind } = body;
  const missing = typeof kind === "string" ? needed[kind] : "kind";
  if (missing !== undefined && !(missing in body)) {
    throw new CommandError(400, `"${missing}" is missing`);
  }
}

/** A fault as the control interface shows it. */
export function shownFault({ id, rule, calls, left }: ActiveFault): object {
  const { fault, path, method, skip } = rule;
  return {
    id,
    ...fault,
    ...(method !== undefined && { method }),
    ...(typeof path === "string" && { path }),
    ...(path instanceof RegExp && { pathPattern: path.source }),
    ...(skip !== undefined && { skip }),
    calls,
    left,
  };
}

function isString(value: unknown): boolean {
  return typeof value === "string";
}

function isHeader([name, value]: readonly [string, unknown]): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, String(value));
    return isString(value);
  } catch {
    return false;
  }
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isPattern(value: unknown): boolean {
  try {
    return typeof value === "string" && new RegExp(value, "u").source !== "";
  } catch {
    return false;
  }
}
