import { fileURLToPath } from "node:url";
import {
  type FlashArrayBackendSettings,
  loadSettings,
  type Settings,
  SettingsError,
} from "../../daemon/settings.ts";

const configDir = fileURLToPath(new URL("../../config", import.meta.url));
/** A secret that must not be seen. */
export const canary = "canary-7f3a-canary-7f3a";
/** The least that a FlashArray backend needs. */
export const array = {
  driver: "flasharray",
  san_ip: "array1.example.org",
  pure_api_token: canary,
};

type Raw = Readonly<Record<string, unknown>>;

/** The settings with these backends beside the default one. */
export function loadAll(
  backends: Raw,
  more: Readonly<Record<string, string>> = {},
): Settings {
  return loadSettings({
    NODE_CONFIG_DIR: configDir,
    IVC_FILE_ROOT: "/srv/volumes",
    NODE_CONFIG: JSON.stringify({ backends }),
    ...more,
  });
}

/** The settings of one FlashArray backend that differs from the least that one needs. */
export function loadArray(
  more: Raw = {},
  env: Readonly<Record<string, string>> = {},
): FlashArrayBackendSettings {
  const { backends } = loadAll({ flash: { ...array, ...more } }, env);
  const found = backends.find(({ name }) => name === "flash");
  if (found?.driver !== "flasharray") {
    throw new Error("no backend flash");
  }
  return found;
}

/** What is wrong with the settings of these backends. */
export function problemsOfAll(
  backends: Raw,
  more: Readonly<Record<string, string>> = {},
): readonly string[] {
  try {
    loadAll(backends, more);
  } catch (error) {
    if (error instanceof SettingsError) {
      return error.problems;
    }
    throw error;
  }
  return [];
}

/** What is wrong with one FlashArray backend that differs from the least. */
export function problemsOf(more: Raw): readonly string[] {
  return problemsOfAll({ flash: { ...array, ...more } });
}
