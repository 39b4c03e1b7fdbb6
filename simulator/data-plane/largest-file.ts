import { open, rm } from "node:fs/promises";
import path from "node:path";

/** The largest size up to `wantedBytes` that a file in this folder may have, in steps of 1 MiB; 16 TiB less one block on ext4. */
export async function largestFile(
  folder: string,
  wantedBytes: number,
): Promise<number> {
  const file = path.join(folder, "size");
  const mebibyte = 1_048_576;
  try {
    await using handle = await open(file, "w");
    const takes = async (sizeBytes: number): Promise<boolean> => {
      try {
        await handle.truncate(sizeBytes);
        return true;
      } catch {
        return false;
      }
    };
    if (await takes(wantedBytes)) {
      return wantedBytes;
    }
    let least = 0;
    let most = Math.floor(wantedBytes / mebibyte);
    while (most - least > 1) {
      const middle = Math.floor((least + most) / 2);
      if (await takes(middle * mebibyte)) {
        least = middle;
      } else {
        most = middle;
      }
    }
    return least * mebibyte;
  } finally {
    await rm(file, { force: true });
  }
}
