import type {
  ImageSource,
  ImageStream,
} from "../../daemon/imagesync/image-source.ts";

/** How one download of a {@link scriptedSource} goes: its bytes, then perhaps an error. */
export interface ScriptedDownload {
  readonly chunks: readonly Uint8Array[];
  readonly error?: Error;
  readonly lengthBytes?: number | null;
}

/** An image source that plays one scripted download after the other; the last one again and again. */
export function scriptedSource(
  ...downloads: readonly ScriptedDownload[]
): ImageSource & { readonly opened: () => number } {
  let opened = 0;
  return {
    opened: () => opened,
    describe: () => Promise.reject(new Error("not scripted")),
    open: () => {
      const download = downloads[Math.min(opened, downloads.length - 1)]!;
      opened += 1;
      const stream: ImageStream = {
        lengthBytes: download.lengthBytes ?? null,
        body: play(download),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      };
      return Promise.resolve(stream);
    },
  };
}

async function* play(download: ScriptedDownload): AsyncGenerator<Uint8Array> {
  yield* download.chunks;
  if (download.error !== undefined) {
    throw download.error;
  }
}
