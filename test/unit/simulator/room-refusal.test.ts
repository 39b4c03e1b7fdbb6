import { describe, expect, it } from "@jest/globals";
import { roomRefusal } from "../../../simulator/data-plane/room-refusal.ts";

describe("An error of the file system", () => {
  it.each([
    "ENOSPC: no space left on device, write",
    "EDQUOT: disk quota exceeded, write",
    "EFBIG: file too large, ftruncate",
    "copying a to b failed: cp: error writing 'b': No space left on device",
  ])("that says %s is a full array", (message) => {
    const error = new Error(message);
    expect(roomRefusal(error)).toMatchObject({
      name: "ArrayRefusal",
      message: expect.stringContaining("no space"),
      cause: error,
    });
  });

  it("of another kind stays what it is", () => {
    const error = new Error("EIO: i/o error, write");
    expect(roomRefusal(error)).toBe(error);
  });
});
