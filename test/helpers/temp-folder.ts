import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

/** A new folder, removed with all that is in it on dispose. */
export async function tempFolder(): Promise<
  AsyncDisposable & { readonly path: string }
> {
  const folder = await mkdtemp(path.join(tmpdir(), "ivc-test-"));
  return {
    path: folder,
    [Symbol.asyncDispose]: async () => {
      await rm(folder, { recursive: true, force: true });
    },
  };
}
