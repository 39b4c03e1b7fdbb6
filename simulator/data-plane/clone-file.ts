import { constants } from "node:fs";
import { copyFile } from "node:fs/promises";
import { runProgram } from "./run-program.ts";

// What file systems say that cannot share blocks; EINVAL comes from some for files of certain sizes.
const cannotShare = new Set([
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EXDEV",
  "EINVAL",
  "ENOTTY",
]);

/** Copies a file: shares its blocks where the file system can, else copies its data and keeps its holes. */
export async function cloneFile(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
    return;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!cannotShare.has(code)) {
      throw new Error(`cannot clone ${from} to ${to}: ${code}`, {
        cause: error,
      });
    }
  }
  // Node cannot ask for holes and would read a large empty volume to its end.
  await runProgram(
    "cp",
    ["--reflink=never", "--sparse=always", "--", from, to],
    { label: `copying ${from} to ${to}`, timeoutMs: 600_000 },
  );
}
