import { cp, mkdtemp, rm } from "node:fs/promises";
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
    await cp(
      path.join(root, "deploy/ivcd.json5"),
      path.join(folder, "local.json5"),
    );
    const problems = problemsOf(
      [path.join(root, "config"), folder].join(path.delimiter),
    );
    await rm(folder, { recursive: true });
    expect(problems).toEqual(
      ["amqp", "redis"].map(
        (name) =>
          `${name}.password /etc/image-volume-cache/credentials/${name}-password cannot be read (ENOENT)`,
      ),
    );
  });
});
