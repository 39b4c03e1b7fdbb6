import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createFileBackend } from "../../daemon/backends/file/create-file-backend.ts";
import type { FileTarget } from "../../daemon/backends/volume-backend.ts";
import { mountXfs } from "../../scripts/xfs.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import type { BackendUnderTest } from "./backend-bench.ts";
import { volumeBackendContract } from "./volume-backend.contract.ts";

const options = { signal: new AbortController().signal };

async function underTest(
  root: string,
  folder: AsyncDisposable,
): Promise<BackendUnderTest> {
  const backend = await createFileBackend({
    name: "file",
    host: "node1@file#pool",
    root,
  });
  return {
    backend,
    write: async (volume, bytes, at) => {
      await using target = await backend.openTarget(volume, options);
      await using handle = await open((target as FileTarget).path, "r+");
      await handle.write(bytes, 0, bytes.length, at);
    },
    sha256: async (volume) => {
      await using target = await backend.openTarget(volume, options);
      const hash = createHash("sha256");
      await pipeline(createReadStream((target as FileTarget).path), hash);
      return hash.digest("hex");
    },
    [Symbol.asyncDispose]: async () => {
      await folder[Symbol.asyncDispose]();
    },
  };
}

volumeBackendContract("file, on XFS with reflinks", async () => {
  const xfs = await mountXfs({ sizeGb: 1 });
  return await underTest(xfs.path, xfs);
});

volumeBackendContract("file, in a plain folder", async () => {
  const folder = await tempFolder();
  return await underTest(folder.path, folder);
});
