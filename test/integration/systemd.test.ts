import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "@jest/globals";
import { installedProgram } from "../../scripts/servers/installed-program.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));
const unitFile = path.join(root, "deploy/ivcd.service");
const analyze = await installedProgram("systemd-analyze");
const describeWithSystemd = analyze === null ? describe.skip : describe;

describeWithSystemd("deploy/ivcd.service", () => {
  it("has no fault that systemd sees", async () => {
    await using folder = await tempFolder();
    const unit = path.join(folder.path, "ivcd.service");
    const text = await readFile(unitFile, "utf8");
    const here = text.replace(
      "ExecStart=/opt/image-volume-cache/",
      `ExecStart=${root}`,
    );
    expect(here).not.toBe(text);
    await writeFile(unit, here);
    const { stdout, stderr } = await run(String(analyze), [
      "verify",
      "--man=no",
      unit,
    ]);
    expect(stdout + stderr).toBe("");
  });

  it("exposes little", async () => {
    const { stdout } = await run(String(analyze), [
      "security",
      "--offline=true",
      "--no-pager",
      unitFile,
    ]);
    const [, level] = /Overall exposure level.*: (\d+\.\d+)/.exec(stdout) ?? [];
    expect(Number(level)).toBeLessThanOrEqual(2);
  });
});
