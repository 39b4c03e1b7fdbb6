import { createFileBackend } from "../../daemon/backends/file/create-file-backend.ts";
import { mountXfs } from "../../scripts/xfs.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { volumeBackendContract } from "./volume-backend.contract.ts";

const settings = { name: "file", host: "node1@file#pool" };

volumeBackendContract("file, on XFS with reflinks", async () => {
  const xfs = await mountXfs({ sizeGb: 1 });
  return {
    backend: await createFileBackend({ ...settings, root: xfs.path }),
    [Symbol.asyncDispose]: async () => await xfs[Symbol.asyncDispose](),
  };
});

volumeBackendContract("file, in a plain folder", async () => {
  const folder = await tempFolder();
  return {
    backend: await createFileBackend({ ...settings, root: folder.path }),
    [Symbol.asyncDispose]: async () => await folder[Symbol.asyncDispose](),
  };
});
