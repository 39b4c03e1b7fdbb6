import { access } from "node:fs/promises";
import { fieldsOf, textOf } from "../../cli/output/fields.ts";
import { mountXfs } from "../xfs.ts";
import type { Place } from "./place.ts";

/** A folder, on an XFS of its own where that is possible. */
export async function startFilePlace(): Promise<Place> {
  const volumes = await mountXfs({ sizeGb: 40 });
  const { path, isReflink, reason } = volumes;
  return {
    backend: "file",
    introduction: [
      `volumes   ${isReflink ? "with reflinks, in" : "without reflinks: every clone is a copy, in"} ${path}`,
      ...(reason === null ? [] : [`          no XFS of its own: ${reason}`]),
    ],
    env: { IVC_FILE_ROOT: path },
    hasCheapClones: isReflink,
    keepsEvicted: false,
    reading: "Every volume is read and compared with its image",
    goneClaim: "its file is gone",
    nameOf: (answer) =>
      textOf(fieldsOf(fieldsOf(answer["connection"])["data"])["device_path"]),
    fileOf: (name) => name,
    open: ({ name }) =>
      Promise.resolve({
        path: name,
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
    leftOf: async (name) =>
      await access(name).then(
        () => `${name} is there`,
        () => null,
      ),
    litter: () => null,
    byHand: () => "",
    [Symbol.asyncDispose]: async () => {
      await volumes[Symbol.asyncDispose]();
    },
  };
}
