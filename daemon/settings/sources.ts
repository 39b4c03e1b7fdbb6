import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { Load, Util } from "config/lib/util.js";
import { closest } from "../closest.ts";

/** What the files and the environment say, before it is checked. */
export interface SettingsSources {
  readonly values: unknown;
  /** Names of the files and variables that were read, weakest first. */
  readonly names: readonly string[];
  /** The variable of the environment that sets a key, by the key's dotted path. */
  readonly variables: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

const mapFile = "custom-environment-variables.json5";

/**
 * Reads the settings with node-config and closes its traps: a folder that is not there, a `NODE_CONFIG` that is not
 * JSON and an empty variable are problems here, where the library passes over them.
 */
export function readSources(
  environment: Readonly<Record<string, string | undefined>>,
): SettingsSources {
  const problems: string[] = [];
  const directories = (environment["NODE_CONFIG_DIR"] ?? "config")
    .split(delimiter)
    .map((each) => resolve(each));
  const missing = directories.filter((each) => !existsSync(each));
  if (missing.length === directories.length) {
    problems.push(
      `nothing found in ${missing.join(", ")}: point NODE_CONFIG_DIR to the folder that has default.json5`,
    );
    return { values: {}, names: [], variables: new Map(), problems };
  }
  const extra = nodeConfig(environment, problems);
  const load = new Load({
    configDir: directories.join(delimiter),
    nodeEnv: [environment["NODE_ENV"] ?? "development"],
  });
  try {
    Util.loadFileConfigs(load);
  } catch (error) {
    problems.push(`a file cannot be read: ${textOf(error)}`);
  }
  if (extra !== null) {
    load.addConfig("NODE_CONFIG", extra);
  }
  const names = load.getSources().map((source) => source.name);
  if (!names.some((each) => /default\.json5?$/.test(each))) {
    problems.push(
      `no default.json5 in ${directories.join(", ")}: NODE_CONFIG_DIR must begin with the config folder of ivcd`,
    );
  }
  const values = structuredClone(load.config);
  const variables = variablesByKey(directories);
  names.push(...setVariables(values, variables, environment, problems));
  problems.push(...unknownVariables(variables, environment));
  return { values, names, variables, problems };
}

/** Sets what the environment says; answers the variables that were used. */
function setVariables(
  values: object,
  variables: ReadonlyMap<string, string>,
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): readonly string[] {
  const used: string[] = [];
  for (const [key, variable] of variables) {
    const value = environment[variable];
    if (value === undefined || (value === "" && mayBeEmpty.has(key))) {
      continue;
    }
    const parent: unknown = Util.getPath(values, key.split(".").slice(0, -1));
    if (value === "") {
      problems.push(
        `${variable} is set but empty (it sets ${key}): give it a value or unset it`,
      );
    } else if (parent === null) {
      problems.push(
        `${variable} is set, but what it belongs to was taken away (${key}): unset it`,
      );
    } else {
      Util.setPath(values, key.split("."), value);
      used.push(variable);
    }
  }
  return used;
}

/** Variables that look like ours and are none, such as a mistyped one. Those of tests are theirs. */
function unknownVariables(
  variables: ReadonlyMap<string, string>,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const known = [...variables.values()];
  return Object.keys(environment)
    .filter((name) => name.startsWith("IVC_") && !name.startsWith("IVC_TEST_"))
    .filter((name) => !known.includes(name))
    .map((name) => {
      const meant = closest(name, known);
      return `${name} sets nothing${meant === null ? ": unset it" : ` (did you mean ${meant}?)`}`;
    });
}

/** Keys whose empty value means something. */
const mayBeEmpty = new Set([
  "nodeName",
  "images.glanceUrl",
  "images.scratchDir",
]);

function nodeConfig(
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): object | null {
  const text = environment["NODE_CONFIG"];
  if (text === undefined || text === "") {
    return null;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (value !== null && typeof value === "object" && !Array.isArray(value)) {
      return value;
    }
  } catch {
    // Told below: the same problem for text that is no JSON and for JSON that is no object.
  }
  problems.push("NODE_CONFIG is not a JSON object: correct or unset it");
  return null;
}

function variablesByKey(
  directories: readonly string[],
): ReadonlyMap<string, string> {
  const load = new Load({ configDir: directories.join(delimiter) });
  for (const directory of directories) {
    load.loadFile(join(directory, mapFile));
  }
  const variables = new Map<string, string>();
  collect(load.config, "", variables);
  return variables;
}

function textOf(error: unknown): string {
  return Error.isError(error) ? error.message : String(error);
}

function collect(
  node: unknown,
  path: string,
  variables: Map<string, string>,
): void {
  if (typeof node === "string") {
    variables.set(path, node);
  } else if (node !== null && typeof node === "object") {
    for (const [key, child] of Object.entries(node)) {
      collect(child, path === "" ? key : `${path}.${key}`, variables);
    }
  }
}
