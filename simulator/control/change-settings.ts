import { newestModelled } from "../newest-modelled.ts";
import { isVersion } from "../rest/is-version.ts";
import { isAtLeast, type Version } from "../version.ts";
import { CommandError } from "./command-error.ts";
import type { Controls } from "./controls.ts";
import { settingRules } from "./setting-rules.ts";

/**
 * Changes settings of the array, all or none; `newest` is the newest REST version.
 *
 * @returns all settings
 * @throws {CommandError} a name that is none, or a value that it cannot have
 */
export function changeSettings(
  controls: Controls,
  body: Readonly<Record<string, unknown>>,
): object {
  const { newest, ...changes } = body;
  const { settings } = controls.model;
  const checked = Object.entries(changes).map(
    ([name, value]) => [name, checkedSetting(settings, name, value)] as const,
  );
  if (newest !== undefined && !isServable(newest)) {
    throw new CommandError(
      400,
      `newest has to be a version from 2.0 to ${newestModelled}, such as "2.26"`,
    );
  }
  Object.assign(settings, Object.fromEntries(checked));
  if (newest !== undefined) {
    controls.setNewest(newest);
  }
  return settings;
}

function checkedSetting(
  settings: object,
  name: string,
  value: unknown,
): unknown {
  if (!isSetting(name) || !Object.hasOwn(settings, name)) {
    throw new CommandError(
      400,
      `there is no setting ${name}; there are newest, ${Object.keys(settings).join(", ")}`,
    );
  }
  const rule = settingRules[name];
  const read = rule.read(value);
  if (read === undefined) {
    throw new CommandError(400, `${name} has to be ${rule.wanted}`);
  }
  return read;
}

function isSetting(name: string): name is keyof typeof settingRules {
  return Object.hasOwn(settingRules, name);
}

function isServable(newest: unknown): newest is Version {
  return isVersion(newest) && isAtLeast(newestModelled, newest);
}
