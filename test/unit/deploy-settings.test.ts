import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { loadSettings, SettingsError } from "../../daemon/settings.ts";

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
