import { describe, expect, it } from "@jest/globals";
import { UnknownOutcomeError } from "../../../daemon/backends/flash-array/array-errors.ts";
import {
  volumeMissing,
  volumeNotOurs,
  volumeSealed,
} from "../../../daemon/backends/flash-array/volume-errors.ts";

describe("errors about volumes of a FlashArray", () => {
  it.each([
    [new UnknownOutcomeError("PATCH volumes"), /PATCH volumes.*ask again/],
    [volumeNotOurs("db", "flash"), /"db" on flash.*remove it on the array/],
    [volumeSealed("ivc-img", "flash"), /ivc-img on flash.*fill another one/],
    [
      volumeMissing("volume-1", "flash"),
      /volume-1 is not on flash.*look for it on the array/,
    ],
  ])("say what to do: %s", (error, text) => {
    expect(error.message).toMatch(text);
  });
});
