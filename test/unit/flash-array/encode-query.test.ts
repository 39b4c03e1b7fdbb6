import { describe, expect, it } from "@jest/globals";
import { array, assert, property, string } from "fast-check";
import { encodeQuery } from "../../../daemon/backends/flash-array/encode-query.ts";

describe("encodeQuery", () => {
  it("is empty for nothing, and leaves out what is undefined", () => {
    expect(encodeQuery({})).toBe("");
    expect(encodeQuery({ names: undefined })).toBe("");
    expect(encodeQuery({ a: undefined, limit: 0, destroyed: false })).toBe(
      "?limit=0&destroyed=false",
    );
  });

  it("gives a list as one key whose parts can be told apart, whatever is in them", () => {
    assert(
      property(
        array(string({ unit: "grapheme", minLength: 1 }), {
          minLength: 1,
        }),
        (names) => {
          const text = encodeQuery({ names, destroyed: true });
          const [first, second, ...others] = text.slice(1).split("&");
          expect(others).toEqual([]);
          expect(second).toBe("destroyed=true");
          const [key, value] = first!.split("=") as [string, string];
          expect(key).toBe("names");
          expect(value.split(",").map(decodeURIComponent)).toEqual(names);
        },
      ),
    );
  });
});
