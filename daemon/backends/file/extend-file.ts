import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { FileFolder } from "./file-folder.ts";
import { roleOf } from "./file-names.ts";

/** Grows a file to at least `sizeBytes`, with a hole at its end, and gives its size. */
export async function extendFile(
  folder: FileFolder,
  name: string,
  sizeBytes: number,
): Promise<number> {
  await folder.ours(name);
  const flags = constants.O_RDWR | constants.O_NOFOLLOW;
  await using handle = await open(folder.path(name), flags);
  const { size } = await handle.stat();
  if (size >= sizeBytes) {
    return size;
  }
  await handle.truncate(sizeBytes);
  // An attempt becomes durable when it is renamed.
  if (roleOf(name) !== "attempt") {
    await handle.sync();
  }
  return sizeBytes;
}
