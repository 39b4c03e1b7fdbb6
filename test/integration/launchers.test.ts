import { execFile } from "node:child_process";
import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "@jest/globals";
import { tempFolder } from "../helpers/temp-folder.ts";

const run = promisify(execFile);
const bin = fileURLToPath(new URL("../../bin", import.meta.url));

async function installation(nodeVersion: string | null) {
  const folder = await tempFolder();
  const at = (...names: string[]) => path.join(folder.path, ...names);
  await cp(bin, at("bin"), { recursive: true });
  await mkdir(at("path"));
  if (nodeVersion !== null) {
    // A Node that says it is of this version.
    const script = `#!/bin/sh
case $1 in
  -e) exec ${process.execPath} -e "Object.defineProperty(process, 'versions', { value: { node: '${nodeVersion}' } }); $2" ;;
  *) echo "$NODE_CONFIG_DIR $*" ;;
esac
`;
    await writeFile(at("path", "node"), script, { mode: 0o755 });
  }
  return {
    at,
    env: { PATH: `${at("path")}:/no-node-here`, HOME: folder.path },
    [Symbol.asyncDispose]: async () => await folder[Symbol.asyncDispose](),
  };
}

/** The launchers need readlink and dirname, but must not see this machine's Node. */
async function linkTools(at: (...names: string[]) => string) {
  for (const tool of ["readlink", "dirname"]) {
    await symlink(`/usr/bin/${tool}`, at("path", tool));
  }
}

describe("bin/ivc and bin/ivcd", () => {
  it.each([
    ["no Node", null, "NODE_TOO_OLD"],
    ["an old Node", "24.11.1", "NODE_TOO_OLD"],
    ["no modules", "24.12.0", "MODULES_MISSING"],
  ])("end with 78 and the fix for %s", async (_what, version, code) => {
    await using install = await installation(version);
    await linkTools(install.at);
    await expect(
      run(install.at("bin", "ivc"), [], { env: install.env }),
    ).rejects.toMatchObject({
      code: 78,
      stderr: expect.stringMatching(
        new RegExp(`^ivc: ${code}: .*npm ci.* in ${install.at()}`),
      ),
    });
  });

  it("run through a link, with the settings of the installation", async () => {
    await using install = await installation("24.12.0");
    await linkTools(install.at);
    await mkdir(install.at("node_modules"));
    await symlink(install.at("bin", "ivcd"), install.at("linked"));
    const { stdout } = await run(install.at("linked"), ["--version"], {
      env: install.env,
    });
    expect(stdout).toBe(
      `${install.at("config")} --disable-warning=ExperimentalWarning ${install.at("daemon/main.ts")} --version\n`,
    );
  });

  it("leave a configuration folder that the operator has named", async () => {
    await using install = await installation("26.0.0");
    await linkTools(install.at);
    await mkdir(install.at("node_modules"));
    const { stdout } = await run(install.at("bin", "ivc"), [], {
      env: { ...install.env, NODE_CONFIG_DIR: "/etc/ours" },
    });
    expect(stdout).toContain("/etc/ours ");
  });
});
