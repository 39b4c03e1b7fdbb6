import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import type { FileTarget } from "../backends/volume-backend.ts";
import { BackendError } from "../errors.ts";
import { errorCodeOf } from "./error-code.ts";

/** How a file or device may be written. */
export interface Place {
  readonly isFile: boolean;
  readonly isDirect: boolean;
}

/** Looks at a target before qemu-img does. */
export async function inspectFileTarget(target: FileTarget): Promise<Place> {
  if (!target.path.startsWith("/")) {
    throw new BackendError(
      "BACKEND_IO",
      `the target ${target.path} is not an absolute path`,
      { retry: "never" },
    );
  }
  try {
    const isFile = (await stat(target.path)).isFile();
    // With direct I/O the last sector is written as a whole page, beyond the end of a file that is not made of pages.
    const isWhole = target.sizeBytes % 4_096 === 0;
    return { isFile, isDirect: isWhole && (await takesDirectIo(target.path)) };
  } catch (error) {
    throw new BackendError("BACKEND_IO", `cannot open ${target.path}`, {
      cause: error,
    });
  }
}

/** Some file systems (tmpfs, some network ones) refuse O_DIRECT. */
async function takesDirectIo(path: string): Promise<boolean> {
  try {
    const file = await open(path, constants.O_WRONLY | constants.O_DIRECT);
    await file.close();
    return true;
  } catch (error) {
    if (errorCodeOf(error) === "EINVAL") {
      return false;
    }
    throw error;
  }
}
