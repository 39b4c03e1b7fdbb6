import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Fields, fieldsOf, textOf } from "../../cli/output/fields.ts";
import type { VolumeBytes } from "./place.ts";

const run = promisify(execFile);

/**
 * Reads a whole LUN into a sparse file in `folder`, by qemu's own iSCSI initiator; `info` is what the daemon answered to
 * initialize_connection.
 */
export async function readLun(
  info: Fields,
  initiator: string,
  folder: string,
  signal: AbortSignal,
): Promise<VolumeBytes> {
  await using stack = new AsyncDisposableStack();
  const own = await mkdtemp(join(folder, "lun-"));
  stack.defer(async () => await rm(own, { recursive: true, force: true }));
  const data = fieldsOf(info["data"]);
  const secretFile = join(own, "secret");
  // Arguments can be seen by everybody on the machine.
  await writeFile(secretFile, textOf(data["auth_password"]), { mode: 0o600 });
  const path = join(own, "bytes");
  const lun = {
    driver: "raw",
    file: {
      driver: "iscsi",
      transport: "tcp",
      portal: first(data["target_portals"]),
      target: first(data["target_iqns"]),
      lun: Number(first(data["target_luns"])),
      "initiator-name": initiator,
      user: textOf(data["auth_username"]),
      "password-secret": "chap",
    },
  };
  const secret = ["--object", `secret,id=chap,file=${secretFile}`];
  const source = `json:${JSON.stringify(lun)}`;
  await run("qemu-img", ["convert", ...secret, "-O", "raw", source, path], {
    signal,
  });
  const owned = stack.move();
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await owned.disposeAsync();
    },
  };
}

function first(list: unknown): string {
  return Array.isArray(list) ? String(list[0]) : "";
}
