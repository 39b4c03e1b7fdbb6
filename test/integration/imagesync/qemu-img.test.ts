import { chmod, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { findQemuImg } from "../../../daemon/imagesync/find-qemu-img.ts";
import { QemuImg } from "../../../daemon/imagesync/qemu-img.ts";
import { unhurried } from "../../helpers/image-requests.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

describe("QemuImg", () => {
  it("blames this machine, not the image, when a tool or a file fails, and shows no path", async () => {
    await using folder = await tempFolder();
    const tools = await findQemuImg();
    const missing = join(folder.path, "spool.part");
    await expect(
      new QemuImg(tools).check(missing, unhurried),
    ).rejects.toMatchObject({
      code: "IMAGE_CONVERT_FAILED",
      scope: "daemon",
      message: expect.not.stringContaining(folder.path),
    });
    const prlimit = join(folder.path, "prlimit");
    await writeFile(
      prlimit,
      "#!/bin/sh\necho 'prlimit: Operation not permitted' >&2\nexit 1\n",
    );
    await chmod(prlimit, 0o755);
    await expect(
      new QemuImg({ ...tools, prlimit }).check(missing, unhurried),
    ).rejects.toMatchObject({ code: "IMAGE_CONVERT_FAILED", scope: "daemon" });
  });

  it("blames an image that is no qcow2", async () => {
    await using folder = await tempFolder();
    const image = join(folder.path, "image");
    await writeFile(image, "no qcow2 at all");
    await truncate(image, 65_536);
    await expect(
      new QemuImg(await findQemuImg()).check(image, unhurried),
    ).rejects.toMatchObject({ code: "IMAGE_CORRUPT", scope: "image" });
  });
});
