import type { ArraySettings } from "../model/array-settings.ts";

/** What a setting may be; `read` gives the value to be set, or undefined for one that is wrong. */
interface SettingRule {
  readonly wanted: string;
  read(value: unknown): unknown;
}

/** One rule for each setting of the array. */
export const settingRules: Readonly<Record<keyof ArraySettings, SettingRule>> =
  {
    arrayName: text(),
    purityVersion: text(),
    idleTimeoutMs: wholeNumber(0),
    pageSize: wholeNumber(1),
    eradicationDelayMs: wholeNumber(0),
    manualEradication: oneOf([
      "all-enabled",
      "partially-disabled",
      "all-disabled",
    ]),
    defaultProtection: {
      wanted:
        'a list of names of protection groups, or of objects such as {"name":"pgroup-auto","retentionLock":"ratcheted"} (or "unlocked")',
      read: protectionGroups,
    },
    maxVolumes: wholeNumber(0),
    maxConnectionsPerHost: wholeNumber(0),
    capacityBytes: wholeNumber(1),
    isFull: boolean(),
    isEvergreenOne: boolean(),
    maxVolumeSizeBytes: wholeNumber(1_048_576),
  };

function text(): SettingRule {
  return {
    wanted: "a text that is not empty",
    read: (value) =>
      typeof value === "string" && value !== "" ? value : undefined,
  };
}

function boolean(): SettingRule {
  return {
    wanted: "true or false",
    read: (value) => (typeof value === "boolean" ? value : undefined),
  };
}

function wholeNumber(least: number): SettingRule {
  return {
    wanted: `a whole number from ${least} on`,
    read: (value) =>
      Number.isSafeInteger(value) && (value as number) >= least
        ? value
        : undefined,
  };
}

function oneOf(words: readonly string[]): SettingRule {
  return {
    wanted: `one of ${words.join(", ")}`,
    read: (value) => words.find((word) => word === value),
  };
}

function protectionGroups(
  value: unknown,
): ArraySettings["defaultProtection"] | undefined {
  if (!Array.isArray(value)) {
    return undefined;
  }
  const groups = value.map(protectionGroup);
  return groups.includes(undefined)
    ? undefined
    : groups.filter((group) => group !== undefined);
}

/** A name alone is a group without a lock. */
function protectionGroup(
  value: unknown,
): ArraySettings["defaultProtection"][number] | undefined {
  const given: unknown = typeof value === "string" ? { name: value } : value;
  if (typeof given !== "object" || given === null) {
    return undefined;
  }
  const { name, retentionLock, ...others } = given as Readonly<
    Record<string, unknown>
  >;
  const isName =
    typeof name === "string" &&
    /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/u.test(name);
  if (!isName || Object.keys(others).length > 0) {
    return undefined;
  }
  if (retentionLock === undefined) {
    return { name };
  }
  return retentionLock === "ratcheted" || retentionLock === "unlocked"
    ? { name, retentionLock }
    : undefined;
}
