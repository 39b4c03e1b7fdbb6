import { throwIfAborted } from "../errors.ts";
import type { BlockWriter } from "./block-writer.ts";
import type { ImageDownload } from "./image-download.ts";

/** Writes a whole download at its offsets and verifies it; `onBytes` hears how much has come. */
export async function pour(
  download: ImageDownload,
  writer: BlockWriter,
  skipZeroesFrom: number,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string | null> {
  for (;;) {
    throwIfAborted(signal);
    const block = await download.next();
    if (block === null) {
      break;
    }
    writer.write(block, skipZeroesFrom);
    onBytes(download.bytes);
  }
  await writer.drain();
  throwIfAborted(signal);
  return download.finish();
}
