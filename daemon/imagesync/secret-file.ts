import { constants } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { newScratchPath, scratchError } from "./scratch.ts";

/** A secret that a child can read by the descriptor it inherits. */
export interface SecretFile extends AsyncDisposable {
  readonly fd: number;
}

/**
 * Puts a secret into a file without a name. Neither argv nor the environment shows it, and qemu can open it as
 * `/dev/fd/<n>`, which it cannot do with Node's pipes: they are sockets.
 */
export async function openSecretFile(
  dir: string,
  secret: string,
): Promise<SecretFile> {
  const path = newScratchPath(dir);
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  try {
    await using writer = await open(
      path,
      O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY,
      0o600,
    );
    await using stack = new AsyncDisposableStack();
    const { fd } = stack.use(await openOnce(path));
    // The name is gone before the first byte is there.
    await writer.writeFile(secret);
    const kept = stack.move();
    return {
      fd,
      [Symbol.asyncDispose]: async () => {
        await kept.disposeAsync();
      },
    };
  } catch (error) {
    throw scratchError(error, dir);
  }
}

async function openOnce(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY);
  } finally {
    await rm(path, { force: true });
  }
}
