import { rm } from "node:fs/promises";
import { BackendError } from "../../errors.ts";
import type { FileFolder } from "./file-folder.ts";
import { roleOf } from "./file-names.ts";

/** Removes a file of ours, durably; refuses everything else. */
export async function deleteFile(
  folder: FileFolder,
  name: string,
): Promise<void> {
  const file = folder.path(name);
  const found = await folder.look(name);
  if (found.kind === "foreign") {
    throw new BackendError(
      "VOLUME_NOT_OURS",
      `${file} was not made by this backend; it was left as it is`,
      { retry: "never" },
    );
  }
  // The sidecar goes last: without it a volume would be taken for somebody else's.
  await rm(file, { force: true });
  await rm(folder.sidecarPath(name), { force: true });
  // An attempt that comes back after a power loss is removed by the next sweep.
  if (roleOf(name) !== "attempt") {
    await folder.flush();
  }
}
