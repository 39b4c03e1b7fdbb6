import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  writeFile,
} from "node:fs/promises";
import path from "node:path";

const prefix = "flash-array-";
const ownerFile = "owner.json";

/** Whose a folder is: process numbers mean something within one boot and one namespace only. */
interface Owner {
  readonly pid: number;
  readonly boot: string;
  readonly namespace: string;
}

/**
 * Makes a folder of this process in `parent`, and removes those that simulators of the same user left there when they
 * were killed.
 */
export async function ownFolder(parent: string): Promise<string> {
  const owner: Owner = {
    pid: process.pid,
    boot: await readFile("/proc/sys/kernel/random/boot_id", "utf8"),
    namespace: await readlink("/proc/self/ns/pid"),
  };
  try {
    await mkdir(parent, { recursive: true });
    const folder = await mkdtemp(path.join(parent, prefix));
    await writeFile(path.join(folder, ownerFile), JSON.stringify(owner));
    await removeLeftovers(parent, owner);
    return folder;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === "EEXIST" || code === "ENOTDIR" ? "it is no folder" : message;
    throw new Error(`cannot make a folder in ${parent}: ${why}`, {
      cause: error,
    });
  }
}

async function removeLeftovers(parent: string, own: Owner): Promise<void> {
  for (const name of await readdir(parent)) {
    const folder = path.join(parent, name);
    if (name.startsWith(prefix) && (await isLeftOver(folder, own))) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** Only what is certain: a folder of this user, whose process ran here and is gone. */
async function isLeftOver(folder: string, own: Owner): Promise<boolean> {
  try {
    const file = path.join(folder, ownerFile);
    const owner = JSON.parse(await readFile(file, "utf8")) as Owner;
    return (
      (await lstat(folder)).uid === process.getuid?.() &&
      (await lstat(file)).uid === process.getuid?.() &&
      owner.boot === own.boot &&
      owner.namespace === own.namespace &&
      Number.isSafeInteger(owner.pid) &&
      owner.pid > 0 &&
      !isRunning(owner.pid)
    );
  } catch {
    // Not one of ours, or somebody else has just removed it.
    return false;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
