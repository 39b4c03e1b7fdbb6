import type { Seal } from "../volume-backend.ts";
import type { FileFolder } from "./file-folder.ts";
import { replaceSidecar } from "./sidecar.ts";

/** Flushes a file, then says durably what it holds. */
export async function sealFile(
  folder: FileFolder,
  name: string,
  seal: Seal,
): Promise<void> {
  const { sidecar } = await folder.ours(name);
  // First the bytes: a seal must never be on the disk before them.
  await folder.flushFile(name);
  await replaceSidecar(folder.sidecarPath(name), {
    format: 1,
    volumeId: seal.volumeId,
    madeAs: name,
    createdAtMs: sidecar?.createdAtMs ?? Date.now(),
    seal,
  });
  await folder.flush();
}
