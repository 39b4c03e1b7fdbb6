import type { VolumeBackend } from "../volume-backend.ts";
import { canReflink } from "./clone-file.ts";
import { FileBackend } from "./file-backend.ts";
import { FileFolder } from "./file-folder.ts";
import { prepareRoot } from "./file-root.ts";

/** Settings of a `file` backend. */
export interface FileBackendOptions {
  readonly name: string;
  /** Cinder's form: `node@backend#pool`. */
  readonly host: string;
  /** Absolute path of a folder for this backend alone. */
  readonly root: string;
}

/** Opens a folder as a backend: marks it on first use, and finds out whether its file system shares blocks. */
export async function createFileBackend({
  name,
  host,
  root,
}: FileBackendOptions): Promise<VolumeBackend> {
  const order = await prepareRoot(root);
  const folder = new FileFolder(root, order);
  const isReflink = await canReflink(folder.metaPath);
  return new FileBackend({ name, host, folder, isReflink });
}
