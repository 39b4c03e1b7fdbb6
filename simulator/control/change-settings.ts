import { isVersion } from "../rest/is-version.ts";
import { CommandError } from "./command-error.ts";
import type { Controls } from "./controls.ts";

/** Settings that are one of some words. */
const words: Readonly<Record<string, readonly string[]>> = {
  manualEradication: ["all-enabled", "partially-disabled", "all-disabled"],
};

/**
 * Changes settings of the array, all or none; `newest` is the newest REST version.
 *
 * @returns all settings
 * @throws {CommandError} a name that is none, or a value of another type
 */
export function changeSettings(
  controls: Controls,
  body: Readonly<Record<string, unknown>>,
): object {
  const { newest, ...changes } = body;
  const settings = controls.model.settings as Record<string, unknown>;
  for (const [name, value] of Object.entries(changes)) {
    const current = Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (current === undefined || kindOf(current) !== kindOf(value)) {
      throw new CommandError(
        400,
        current === undefined
          ? `there is no setting ${name}; there are newest, ${Object.keys(settings).join(", ")}`
          : `${name} has to be a ${kindOf(current)}`,
      );
    }
  }
  for (const [name, allowed] of Object.entries(words)) {
    if (name in changes && !allowed.includes(String(changes[name]))) {
      throw new CommandError(400, `${name} has to be ${allowed.join(", ")}`);
    }
  }
  if (newest !== undefined && !isVersion(newest)) {
    throw new CommandError(400, 'newest has to be a version such as "2.26"');
  }
  Object.assign(settings, changes);
  if (newest !== undefined) {
    controls.setNewest(newest);
  }
  return settings;
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "list" : typeof value;
}
