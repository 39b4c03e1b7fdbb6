import { constants } from "node:fs";
import type { Stats } from "node:fs";
import { copyFile, open, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import path from "node:path";
import { throwIfAborted } from "../../errors.ts";

const chunkBytes = 4 * 1024 ** 2;
// Smaller holes are not worth an extent.
const holeBytes = 64 * 1024;
const zeroes = Buffer.alloc(holeBytes);

/** True when the file system clones files by sharing their blocks; tried out in `folder`. */
export async function canReflink(folder: string): Promise<boolean> {
  const from = path.join(folder, `.new-probe-${process.pid}-from`);
  const to = path.join(folder, `.new-probe-${process.pid}-to`);
  try {
    await using handle = await open(from, "w");
    await handle.write(Buffer.alloc(4096, 1));
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false;
  } finally {
    await rm(from, { force: true });
    await rm(to, { force: true });
  }
}

/** Makes the new file `to` share the blocks of `from`, within this process: a spawned `cp` takes 30 times as long. */
export async function reflinkFile(from: string, to: string): Promise<void> {
  await copyFile(
    from,
    to,
    constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL,
  );
}

async function writeData(
  target: FileHandle,
  chunk: Buffer,
  position: number,
): Promise<void> {
  for (let at = 0; at < chunk.length;) {
    let end = at;
    while (end < chunk.length && !isZero(chunk, end)) {
      end = Math.min(end + holeBytes, chunk.length);
    }
    let done = at;
    while (done < end) {
      const part = chunk.subarray(done, end);
      done += (await target.write(part, 0, part.length, position + done))
        .bytesWritten;
    }
    at = end === at ? at + holeBytes : end;
  }
}

function isZero(chunk: Buffer, at: number): boolean {
  const end = Math.min(at + holeBytes, chunk.length);
  return chunk.compare(zeroes, 0, end - at, at, end) === 0;
}

/** Copies `from` to the new file `to`, holes kept, flushed; stops at the next chunk when aborted. */
export async function copySparse(
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<Stats> {
  const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  await using source = await open(from, O_RDONLY | O_NOFOLLOW);
  const stats = await source.stat();
  await using target = await open(
    to,
    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
    stats.mode & 0o777,
  );
  await target.truncate(stats.size);
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (let position = 0; position < stats.size;) {
    throwIfAborted(signal);
    const { bytesRead } = await source.read(buffer, 0, chunkBytes, position);
    if (bytesRead === 0) {
      throw new Error(`${from} became shorter while it was copied`);
    }
    await writeData(target, buffer.subarray(0, bytesRead), position);
    position += bytesRead;
  }
  await target.datasync();
  return stats;
}
