import { access, open, readFile, stat, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FileDataPlane } from "../../../simulator/data-plane/file-data-plane.ts";
import { ArrayRig, textOf } from "../../helpers/array-rig.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

const mebibyte = 1_048_576;
let stack: AsyncDisposableStack;
let plane: FileDataPlane;
let rig: ArrayRig;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  plane = stack.use(await FileDataPlane.create({ folder: folder.path }));
  rig = await ArrayRig.create({}, plane);
});

afterEach(async () => {
  await stack.disposeAsync();
});

async function pathOf(name: string): Promise<string> {
  const item = await rig.one(`GET volumes?names=${name}`);
  return plane.pathOf(textOf(item, "id"));
}

async function firstByte(name: string): Promise<number | undefined> {
  return (await readFile(await pathOf(name)))[0];
}

describe("bytes of volumes in files", () => {
  it("are copied, overwritten and kept by snapshots", async () => {
    await rig.call("POST volumes?names=gold", { provisioned: 2 * mebibyte });
    await writeFile(await pathOf("gold"), Buffer.alloc(2 * mebibyte, 1));
    await rig.call("POST volumes?names=copy", { source: { name: "gold" } });
    await rig.call("POST volume-snapshots?source_names=gold", { suffix: "s" });
    await writeFile(await pathOf("gold"), Buffer.alloc(2 * mebibyte, 2));
    await expect(firstByte("copy")).resolves.toBe(1);
    await rig.call("POST volumes?names=copy&overwrite=true", {
      source: { name: "gold" },
    });
    await expect(firstByte("copy")).resolves.toBe(2);
    await rig.call("POST volumes?names=gold&overwrite=true", {
      source: { name: "gold.s" },
    });
    await expect(firstByte("gold")).resolves.toBe(1);
  });

  it("grow with zeroes and stay while a volume is destroyed", async () => {
    await rig.call("POST volumes?names=v", {});
    const file = await pathOf("v");
    await writeFile(file, Buffer.alloc(mebibyte, 7));
    await rig.call("PATCH volumes?names=v", { provisioned: 3 * mebibyte });
    const bytes = await readFile(file);
    expect([bytes.length, bytes[0], bytes.at(-1)]).toEqual([
      3 * mebibyte,
      7,
      0,
    ]);
    await rig.call("PATCH volumes?names=v", { destroyed: true });
    await expect(stat(file)).resolves.toMatchObject({ size: 3 * mebibyte });
    await rig.call("DELETE volumes?names=v");
    await expect(access(file)).rejects.toThrow("ENOENT");
  });

  it("are what spaces tell of", async () => {
    await rig.call("POST volumes?names=v", { provisioned: 8 * mebibyte });
    const space = async (path: string): Promise<unknown> =>
      (await rig.one(`GET ${path}`))["space"];
    await expect(space("volumes/space")).resolves.toMatchObject({
      total_provisioned: 8 * mebibyte,
      unique: 0,
    });
    await using file = await open(await pathOf("v"), "r+");
    await file.write(Buffer.alloc(4 * mebibyte, 1));
    await file.sync();
    const { unique } = (await space("volumes/space")) as { unique: number };
    expect(unique).toBeGreaterThan(0);
    await expect(space("arrays/space")).resolves.toMatchObject({
      total_used: unique,
    });
  });

  it("can be compared with zeroes, a volume or a snapshot, in blocks", async () => {
    const block = 65_536;
    await rig.call("POST volumes?names=v", {});
    const bytes = Buffer.alloc(mebibyte);
    bytes[0] = 1;
    bytes[block] = 1;
    bytes[5 * block + 1] = 1;
    await writeFile(await pathOf("v"), bytes);
    await rig.call("POST volume-snapshots?source_names=v", { suffix: "s" });
    const path = `GET volumes/diff?names=v&block_size=${block}&segment_length=${mebibyte}`;
    await expect(rig.call(path)).resolves.toEqual([
      { offset: 0, length: 2 * block },
      { offset: 5 * block, length: block },
    ]);
    await expect(
      rig.call(`${path}&segment_offset=${2 * block}`),
    ).resolves.toEqual([{ offset: 5 * block, length: block }]);
    await expect(rig.call(`${path}&base_name=v.s`)).resolves.toEqual([]);
    bytes[3 * block] = 9;
    await writeFile(await pathOf("v"), bytes);
    await expect(rig.call(`${path}&base_name=v.s`)).resolves.toEqual([
      { offset: 3 * block, length: block },
    ]);
    await expect(
      rig.refusal("GET volumes/diff?names=v&block_size=513&segment_length=1"),
    ).resolves.toContain("multiple of 512");
  });
});
