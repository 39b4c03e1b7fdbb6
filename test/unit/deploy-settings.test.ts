import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { loadSettings, SettingsError } from "../../daemon/settings.ts";
import { backendKeys } from "../../daemon/settings/backend-schema.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

function problemsOf(directories: string): readonly string[] {
  try {
    loadSettings({ NODE_CONFIG_DIR: directories, NODE_ENV: "production" });
    return [];
  } catch (error) {
    if (error instanceof SettingsError) {
      return error.problems;
    }
    throw error;
  }
}

describe("deploy/ivcd.json5", () => {
  it("holds nothing that ivcd refuses but the passwords that a host has to bring", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "ivc-test-"));
    // A machine that runs ivcd may have the real ones.
    const credentials = path.join(folder, "credentials");
    const example = await readFile(
      path.join(root, "deploy/ivcd.json5"),
      "utf8",
    );
    await writeFile(
      path.join(folder, "local.json5"),
      example.replaceAll("/etc/image-volume-cache/credentials", credentials),
    );
    const problems = problemsOf(
      [path.join(root, "config"), folder].join(path.delimiter),
    );
    await rm(folder, { recursive: true });
    expect(problems).toEqual(
      ["amqp", "redis"].map(
        (name) =>
          `${name}.password ${credentials}/${name}-password cannot be read (ENOENT)`,
      ),
    );
  });
});

describe("deploy/flasharray.json5", () => {
  it("lacks nothing but the token, and names every key of the driver with its default", async () => {
    await using folder = await tempFolder();
    const example = await readFile(
      path.join(root, "deploy/flasharray.json5"),
      "utf8",
    );
    const token = path.join(folder.path, "flasharray-token");
    const here = example.replace(
      "/etc/image-volume-cache/credentials/flasharray-token",
      token,
    );
    const local = path.join(folder.path, "local.json5");
    const directories = [path.join(root, "config"), folder.path].join(
      path.delimiter,
    );
    await writeFile(local, here);
    expect(problemsOf(directories)).toEqual([
      `backends.flasharray.pure_api_token ${token} cannot be read (ENOENT)`,
    ]);
    await writeFile(token, "a-token", { mode: 0o600 });
    const short = backendOf(directories);
    // A line of a comment that is a key.
    await writeFile(local, here.replaceAll(/^( *)\/\/ (\w+: .*,)$/gm, "$1$2"));
    expect(backendOf(directories)).toEqual(short);
    const keys = example.matchAll(/^ {6}(?:\/\/ )?(\w+): .*[,{]$/gm);
    expect(new Set(Array.from(keys, ([, key]) => key))).toEqual(
      new Set(backendKeys(["backends", "flasharray"], "flasharray")),
    );
  });
});

function backendOf(directories: string): unknown {
  const { backends } = loadSettings({
    NODE_CONFIG_DIR: directories,
    NODE_ENV: "production",
  });
  return backends;
}
