import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "@jest/globals";
import { z } from "zod";
import {
  allPages,
  arrayPageOf,
} from "../../../daemon/backends/flash-array/array-page.ts";

const item = z.object({ name: z.string(), size: z.number().nullish() });

describe("arrayPageOf", () => {
  it.each([
    ["a list of strings", { items: ["a"] }, "items.0"],
    [
      "a wrong field",
      { items: [{ name: "a" }, { name: null }] },
      "items.1.name",
    ],
    ["a wrong flag", { items: [], more_items_remaining: "yes" }, "more_items"],
    ["nothing", null, "empty"],
    ["a bare list", [], "the body"],
  ])("tells where %s is wrong", (_, body, place) => {
    expect(() => arrayPageOf(body, item)).toThrow(place);
  });

  it("does not show the values of a wrong answer", () => {
    expect(() =>
      arrayPageOf({ items: [{ name: { secret: "hunter2" } }] }, item),
    ).toThrow(/^(?!.*hunter2)/);
  });

  it("takes an empty continuation token for none", () => {
    expect(
      arrayPageOf({ more_items_remaining: true, continuation_token: "" }, item),
    ).toEqual({ items: [], hasMore: true, continuationToken: null });
  });
});

const specFolder = process.env["FLASHARRAY_SPEC_DIR"];
// Without the vendor's files in FLASHARRAY_SPEC_DIR there is nothing to compare with.
const withSpec = specFolder === undefined ? describe.skip : describe;

describe("the page limit", () => {
  it("is part of every page's query", async () => {
    const queries: unknown[] = [];
    await allPages(
      async (query) => {
        queries.push(query);
        return {
          items: [],
          hasMore: queries.length < 2,
          continuationToken: "next",
        };
      },
      { names: ["a"] },
      "GET volumes",
    );
    expect(queries).toEqual([
      { names: ["a"], limit: 1000 },
      { names: ["a"], limit: 1000, continuation_token: "next" },
    ]);
  });
});

withSpec("the vendor's REST 2.26 (FLASHARRAY_SPEC_DIR)", () => {
  it("knows the page limit for every list", async () => {
    const table = JSON.parse(
      await readFile(path.join(specFolder!, "facts-2.26.json"), "utf8"),
    ) as Record<string, { readonly query: Record<string, unknown> }>;
    const lists = Object.entries(table).filter(
      ([call]) => call.startsWith("GET ") && !call.endsWith("/api_version"),
    );
    expect(lists.length).toBeGreaterThan(20);
    expect(
      lists
        .filter(([, { query }]) => !("limit" in query))
        .map(([call]) => call),
    ).toEqual([]);
  });
});
