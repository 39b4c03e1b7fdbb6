import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import type { Endpoint } from "../../../simulator/rest/endpoint.ts";
import { parseQuery } from "../../../simulator/rest/parse-query.ts";

const endpoint: Endpoint = {
  method: "GET",
  path: "volumes",
  since: "2.0",
  query: {
    names: { type: "list" },
    ids: { type: "list" },
    destroyed: { type: "boolean" },
    size: { type: "integer" },
    truncate: { type: "boolean", since: "2.16" },
  },
  listing: ["filter", "limit"],
  handle: () => ({ items: [] }),
};

describe("A query", () => {
  const name = fc
    .string({ minLength: 1 })
    .filter((text) => !/[*,]/u.test(text));

  it("has the lists, texts, numbers and booleans that were written, however they are encoded", () => {
    fc.assert(
      fc.property(
        fc.array(name, { minLength: 1 }),
        fc
          .string({ minLength: 1, unit: "binary" })
          .filter((text) => text.isWellFormed()),
        fc.nat(),
        fc.boolean(),
        fc.boolean(),
        (names, filter, limit, destroyed, isForm) => {
          const texts = {
            names: names.join(","),
            filter,
            limit: String(limit),
            destroyed: String(destroyed),
          };
          const written = isForm
            ? new URLSearchParams(texts).toString()
            : Object.entries(texts)
                .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
                .join("&");
          const query = parseQuery(written, endpoint, "2.4");
          expect(query.list("names")).toEqual(names);
          expect(query.list("filter")).toEqual([filter]);
          expect(query.integer("limit")).toBe(limit);
          expect(query.boolean("destroyed")).toBe(destroyed);
          expect(query.list("ids")).toBeUndefined();
          expect(query.integer("names")).toBeUndefined();
        },
      ),
    );
  });

  it("has all filters that are given, and nothing else twice", () => {
    const query = parseQuery("filter=a&names=x&filter=b,c", endpoint, "2.4");
    expect(query.list("filter")).toEqual(["a", "b,c"]);
    expect(() => parseQuery("filter=a&filter=", endpoint, "2.4")).toThrow(
      /empty/u,
    );
    expect(() => parseQuery("names=a&names=b", endpoint, "2.4")).toThrow(
      /repeated/u,
    );
  });

  it("is read or refused, and nothing else, whatever it is", () => {
    const part = fc.constantFrom(
      ..."names= ids=a destroyed= true & && = % %2 %41 , * + truncate=true size=".split(
        " ",
      ),
      "é",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part).map((parts) => parts.join("")),
        ),
        (text) => {
          let outcome = "read";
          try {
            parseQuery(text, endpoint, "2.4");
          } catch (error) {
            outcome = (error as Error).name;
          }
          expect(["read", "ArrayRefusal"]).toContain(outcome);
        },
      ),
    );
  });

  it("takes integers up to the largest that is exact", () => {
    const size = (text: string) =>
      parseQuery(`size=${text}`, endpoint, "2.4").integer("size");
    expect(size("-5")).toBe(-5);
    expect(size("9007199254740991")).toBe(9_007_199_254_740_991);
    expect(() => size("9007199254740992")).toThrow(/integer/u);
  });

  it("takes a parameter from the version on that brought it", () => {
    const read = (version: "2.9" | "2.16" | "2.26") =>
      parseQuery("truncate=true", endpoint, version).boolean("truncate");
    expect(() => read("2.9")).toThrow(/not known in REST version 2\.9/u);
    expect([read("2.16"), read("2.26")]).toEqual([true, true]);
  });

  it("is the same for the same values in any order and with any token", () => {
    const identity = (text: string) =>
      parseQuery(
        text,
        { ...endpoint, listing: ["filter", "continuation_token"] },
        "2.4",
      ).identity;
    expect(identity("names=a,b&destroyed=true")).toBe(
      identity("destroyed=true&continuation_token=x&names=a%2Cb"),
    );
    expect(identity("names=a,b")).not.toBe(identity("names=b,a"));
  });
});
