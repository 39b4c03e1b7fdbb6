import { constants } from "node:fs";
import { access } from "node:fs/promises";
import path from "node:path";

// Where Debian puts servers, which is not on every user's PATH.
const systemFolders = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin"];

/** Absolute path of a program on PATH, in the system's folders or in `folders`; null when it is not installed. */
export async function installedProgram(
  name: string,
  folders: readonly string[] = [],
): Promise<string | null> {
  const onPath = (process.env["PATH"] ?? "").split(path.delimiter);
  for (const folder of [...folders, ...onPath, ...systemFolders]) {
    const file = path.join(folder, name);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      continue;
    }
  }
  return null;
}
