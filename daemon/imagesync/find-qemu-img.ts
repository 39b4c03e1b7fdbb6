import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { DaemonError } from "../errors.ts";
import type { QemuImgOptions } from "./qemu-img.ts";

const packages = "apt-get install qemu-utils util-linux";

/** Finds qemu-img and the programs that confine it; `TOOL_MISSING` when one is not there. */
export async function findQemuImg(
  folders: readonly string[] = ["/usr/bin", "/bin", "/usr/local/bin"],
): Promise<QemuImgOptions> {
  const [qemuImg, setpriv, prlimit] = await Promise.all([
    find("qemu-img", folders),
    find("setpriv", folders),
    find("prlimit", folders),
  ]);
  return { qemuImg, setpriv, prlimit };
}

async function find(name: string, folders: readonly string[]): Promise<string> {
  for (const folder of folders) {
    const path = `${folder}/${name}`;
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) {
      return path;
    }
  }
  throw new DaemonError(
    `TOOL_MISSING: ${folders[0] ?? ""}/${name} is not there; install it with: ${packages}`,
    { code: "TOOL_MISSING", retry: "never" },
  );
}
