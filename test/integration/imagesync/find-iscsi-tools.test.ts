import { execFile } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "@jest/globals";
import { findIscsiTools } from "../../../daemon/imagesync/find-iscsi-tools.ts";
import { findQemuImg } from "../../../daemon/imagesync/find-qemu-img.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

const tools = await findQemuImg();
const missing = {
  code: "TOOL_MISSING",
  message: expect.stringContaining(
    "apt-get install qemu-block-extra libiscsi-bin",
  ),
};
/** Only root may mount. */
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;

describe("findIscsiTools", () => {
  it("finds iscsi-inq and qemu's driver", async () => {
    await expect(findIscsiTools(tools)).resolves.toEqual({
      iscsiInq: "/usr/bin/iscsi-inq",
    });
  });

  it("names the packages when iscsi-inq is missing", async () => {
    await expect(findIscsiTools(tools, ["/nonexistent"])).rejects.toMatchObject(
      missing,
    );
  });
});

describeAsRoot("findIscsiTools without qemu's module", () => {
  it("names the packages, although qemu's help lists the driver", async () => {
    await using folder = await tempFolder();
    const qemuImg = join(folder.path, "qemu-img");
    await writeFile(
      qemuImg,
      `#!/bin/sh
exec unshare -m sh -c 'for dir in /usr/lib/*/qemu; do mount -t tmpfs none $dir; done; exec ${tools.qemuImg} "$@"' -- "$@"
`,
    );
    await chmod(qemuImg, 0o755);
    const { stdout } = await promisify(execFile)(qemuImg, ["--help"]);
    expect(stdout).toMatch(/ iscsi /);
    await expect(findIscsiTools({ ...tools, qemuImg })).rejects.toMatchObject(
      missing,
    );
  });
});
