import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { installedProgram } from "../servers/installed-program.ts";

const run = promisify(execFile);
/* Blocks that are elsewhere than the file system says, or nowhere yet, prove nothing. */
const uncertain = /unknown_loc|delalloc|inline|not_aligned|unwritten|encoded/;

/**
 * Where the blocks of a file are on the disk, as text: files with the same text have the same bytes. Null where the file
 * system cannot tell.
 */
export async function blockMap(path: string): Promise<string | null> {
  const filefrag = await installedProgram("filefrag");
  if (filefrag === null) {
    return null;
  }
  try {
    const { stdout } = await run(filefrag, ["-s", "-v", path], {
      maxBuffer: 256 * 1024 ** 2,
    });
    const extents = stdout
      .split("\n")
      .map((line) =>
        /^ *\d+: *(\d+)\.\. *\d+: *(\d+)\.\. *\d+: *(\d+):(.*)$/.exec(line),
      )
      .filter((extent) => extent !== null);
    const isCertain = extents.every(
      (extent) => !uncertain.test(extent[4] ?? ""),
    );
    return extents.length > 0 && isCertain
      ? extents.map((extent) => extent.slice(1, 4).join(" ")).join("\n")
      : null;
  } catch {
    return null;
  }
}
