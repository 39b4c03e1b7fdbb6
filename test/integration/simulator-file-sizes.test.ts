import { readdir } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";
import { FileDataPlane } from "../../simulator/data-plane/file-data-plane.ts";
import { largestFile } from "../../simulator/data-plane/largest-file.ts";
import { Simulator } from "../../simulator/simulator.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

const petabytes4 = 2 ** 52;

describe("The largest volume", () => {
  it("is what the file system takes; more is a full array", async () => {
    await using folder = await tempFolder();
    await using plane = await FileDataPlane.create({ folder: folder.path });
    const most = await largestFile(folder.path, petabytes4);
    await plane.create("v", most);
    expect(await readdir(folder.path)).toEqual(["v.raw"]);
    const outcome = await plane
      .resize("v", petabytes4)
      .then(() => "done", String);
    // XFS takes such a file, ext4 does not.
    const expected =
      most === petabytes4 ? /^done$/u : /^ArrayRefusal:.*no space/u;
    expect(outcome).toMatch(expected);
  });

  it("is the default of the array's setting", async () => {
    await using folder = await tempFolder();
    await using array = await Simulator.start({ folder: folder.path });
    expect(array.model.settings.maxVolumeSizeBytes).toBe(
      await largestFile(folder.path, petabytes4),
    );
    await using other = await Simulator.start({
      folder: folder.path,
      settings: { maxVolumeSizeBytes: 2 ** 30 },
    });
    expect(other.model.settings.maxVolumeSizeBytes).toBe(2 ** 30);
  });
});
