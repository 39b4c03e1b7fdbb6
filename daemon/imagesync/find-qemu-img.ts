import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { DaemonError } from "../errors.ts";
import type { QemuImgOptions } from "./qemu-img.ts";

const folders = ["/usr/bin", "/bin", "/usr/local/bin"];
const packages = "apt-get install qemu-utils util-linux";

/** Finds qemu-img and the programs that confine it; `TOOL_MISSING` when one is not there. */
export async function findQemuImg(
  where: readonly string[] = folders,
): Promise<QemuImgOptions> {
  const [qemuImg, setpriv, prlimit] = await Promise.all([
    findProgram("qemu-img", packages, where),
    findProgram("setpriv", packages, where),
    findProgram("prlimit", packages, where),
  ]);
  return { qemuImg, setpriv, prlimit };
}

/** The absolute path of a program; `TOOL_MISSING`, which says how to install it, when it is not there. */
export async function findProgram(
  name: string,
  install: string,
  where: readonly string[] = folders,
): Promise<string> {
  for (const folder of where) {
    const path = `${folder}/${name}`;
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) {
      return path;
    }
  }
  throw toolMissing(`${where[0] ?? ""}/${name} is not there`, install);
}

/** A program, or a part of one, that is not installed. */
export function toolMissing(what: string, install: string): DaemonError {
  return new DaemonError(`TOOL_MISSING: ${what}; install it with: ${install}`, {
    code: "TOOL_MISSING",
    retry: "never",
  });
}
