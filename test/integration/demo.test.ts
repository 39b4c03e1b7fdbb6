import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, open, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "@jest/globals";
import type { ExpectedVolume } from "../../scripts/demo/place.ts";
import { verifyVolumes } from "../../scripts/demo/verify-volumes.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

const run = promisify(execFile);
const program = fileURLToPath(
  new URL("../../scripts/demo/main.ts", import.meta.url),
);
const sizeBytes = 3 * 1024 ** 2;
const data = Buffer.alloc(1024 ** 2, "data");

describe("the demo", () => {
  it("ends with 2 and its usage for a backend that there is not", async () => {
    await expect(
      run(process.execPath, [program, "--backend", "floppy"]),
    ).rejects.toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(
        /no backend floppy: use file or flasharray\n[^]*--backend flasharray/,
      ),
    });
  });
});

describe("the check of the demo's volumes", () => {
  /** Checks volumes that were read as the array's are: the bytes are in another file than the blocks. */
  async function check(
    ...changes: readonly ((file: string) => Promise<void>)[]
  ) {
    await using folder = await tempFolder();
    const at = (name: string) => path.join(folder.path, name);
    const volumes: ExpectedVolume[] = [];
    const closed: string[] = [];
    for (const [index, change] of changes.entries()) {
      const name = `volume-${index}`;
      await writeFile(at(name), data);
      await truncate(at(name), sizeBytes);
      await copyFile(at(name), at(`${name}.read`));
      await change(at(`${name}.read`));
      const sha256 = createHash("sha256").update(data).digest("hex");
      const dataBytes = data.length;
      volumes.push({ id: name, name, sizeBytes, dataBytes, sha256 });
    }
    const access = {
      fileOf: ({ name }: ExpectedVolume) => at(name),
      open: ({ name }: ExpectedVolume) =>
        Promise.resolve({
          path: at(`${name}.read`),
          [Symbol.asyncDispose]: () => {
            closed.push(name);
            return Promise.resolve();
          },
        }),
    };
    const { problems, readCount } = await verifyVolumes(
      volumes,
      access,
      () => {},
    );
    return { problems, readCount, closed: closed.toSorted() };
  }
  const writeAt = (position: number) => async (file: string) => {
    await using handle = await open(file, "r+");
    await handle.write("x", position);
  };

  it("reads each one, finds nothing wrong with good ones and closes all", async () => {
    const good = () => Promise.resolve();
    await expect(check(good, good, good)).resolves.toEqual({
      problems: [],
      readCount: 3,
      closed: ["volume-0", "volume-1", "volume-2"],
    });
  });

  it.each([
    ["a wrong byte", writeAt(data.length - 1), /^volume-0 has sha256/],
    [
      "a byte behind the image",
      writeAt(sizeBytes - 1),
      /^volume-0 is not zero/,
    ],
    [
      "a byte too many",
      async (file: string) => await truncate(file, sizeBytes + 1),
      /^volume-0 has 3145729 bytes instead of 3145728/,
    ],
  ])("finds %s", async (_what, change, problem) => {
    const { problems } = await check(change);
    expect(problems).toEqual([expect.stringMatching(problem)]);
  });
});
