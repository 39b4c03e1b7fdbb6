import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import type { Item } from "../../../simulator/rest/endpoint.ts";
import { type PageRequest, Pages } from "../../../simulator/rest/pages.ts";
import { sortItems } from "../../../simulator/rest/sort-items.ts";
import { totalOf } from "../../../simulator/rest/total-of.ts";

const whole: PageRequest = {
  identity: "volumes",
  limit: undefined,
  offset: undefined,
  continuationToken: undefined,
  isSorted: false,
  hasTokens: true,
};

function numbered(count: number): readonly Item[] {
  return Array.from({ length: count }, (_, index) => ({ name: `v${index}` }));
}

function allPages(pages: Pages, items: readonly Item[], request: PageRequest) {
  const found: Item[] = [];
  let token: string | undefined;
  let requests = 0;
  for (;;) {
    requests += 1;
    const page = pages.cut(items, {
      ...request,
      ...(token !== undefined && { continuationToken: token }),
    });
    found.push(...page.items);
    if (!page.moreItemsRemaining) {
      return { found, requests };
    }
    token = page.continuationToken ?? undefined;
  }
}

describe("A list in pages", () => {
  it("has every item once, whatever the sizes", () => {
    fc.assert(
      fc.property(
        fc.nat(30),
        fc.integer({ min: 1, max: 9 }),
        fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
        fc.option(fc.nat(12), { nil: undefined }),
        (count, pageSize, limit, offset) => {
          const items = numbered(count);
          const expected = items.slice(offset ?? 0);
          const request = { ...whole, limit, offset };
          const { found, requests } = allPages(
            new Pages({ pageSize }),
            items,
            request,
          );
          expect(found).toEqual(expected);
          const size = Math.min(limit ?? pageSize, pageSize);
          expect(requests).toBe(Math.max(1, Math.ceil(expected.length / size)));
        },
      ),
    );
  });

  it("ends with a page that is just full", () => {
    const pages = new Pages({ pageSize: 3 });
    expect(pages.cut(numbered(2), whole).moreItemsRemaining).toBe(false);
    expect(pages.cut(numbered(3), whole)).toEqual({
      items: numbered(3),
      continuationToken: null,
      moreItemsRemaining: false,
    });
    expect(pages.cut(numbered(4), whole).moreItemsRemaining).toBe(true);
  });

  it("goes on as it was when items come and go between pages", () => {
    const pages = new Pages({ pageSize: 2 });
    const first = pages.cut(numbered(4), whole);
    const request = { ...whole, continuationToken: first.continuationToken! };
    const second = [{ name: "v2" }, { name: "v3" }];
    expect(pages.cut([{ name: "v9" }], request).items).toEqual(second);
    expect(pages.cut([], request).items).toEqual(second);
  });

  it("has tokens for the same query and the default order only", () => {
    const pages = new Pages({ pageSize: 2 });
    const { continuationToken } = pages.cut(numbered(3), whole);
    const request = { ...whole, continuationToken: continuationToken! };
    const other = { ...request, identity: "hosts" };
    expect(() => pages.cut(numbered(3), other)).toThrow(/continuation token/u);
    const made = { ...whole, continuationToken: "made-up" };
    expect(() => pages.cut(numbered(3), made)).toThrow(/continuation token/u);
    const sorted = { ...whole, isSorted: true };
    expect(pages.cut(numbered(3), sorted)).toMatchObject({
      continuationToken: null,
      moreItemsRemaining: true,
    });
    const resumed = { ...request, isSorted: true };
    expect(() => pages.cut(numbered(3), resumed)).toThrow(/default sort/u);
    const without = { ...whole, hasTokens: false };
    expect(pages.cut(numbered(3), without)).toMatchObject({
      continuationToken: null,
      moreItemsRemaining: true,
    });
  });

  it("shares one list among the tokens of a walk, and forgets the walks that rest longest", () => {
    const pages = new Pages({ pageSize: 1 });
    const items = numbered(20_000);
    const tokens = Array.from(
      { length: 100 },
      () => pages.cut(items, whole).continuationToken!,
    );
    expect(pages.itemCount).toBe(40_000);
    const page = (continuationToken: string) =>
      pages.cut([], { ...whole, continuationToken });
    expect(() => page(tokens[0]!)).toThrow(/continuation token/u);
    expect(page(tokens[98]!).items).toEqual([{ name: "v1" }]);
    // It was used last now, so that the other one goes.
    pages.cut(items, whole);
    expect(() => page(tokens[99]!)).toThrow(/continuation token/u);
    expect(page(page(tokens[98]!).continuationToken!).items).toEqual([
      { name: "v2" },
    ]);
    expect(pages.itemCount).toBe(40_000);
    const long = pages.cut(numbered(60_000), whole);
    expect(page(long.continuationToken!).items).toEqual([{ name: "v1" }]);
  });

  it("has no items with a limit of 0", () => {
    const page = new Pages({ pageSize: 2 }).cut(numbered(3), {
      ...whole,
      limit: 0,
    });
    expect(page).toEqual({
      items: [],
      continuationToken: null,
      moreItemsRemaining: false,
    });
  });
});

describe("A sorted list", () => {
  const items: readonly Item[] = [
    { name: "b", size: 2, pod: { name: null } },
    { name: "a", size: 10, pod: { name: "p" } },
    { name: "c", size: 2, pod: { name: "o" } },
  ];
  const order = (...by: string[]) =>
    sortItems(items, by, []).map(({ name }) => name);

  it("is sorted by each field in turn, descending with a minus at the end", () => {
    expect(order("name")).toEqual(["a", "b", "c"]);
    expect(order("name-")).toEqual(["c", "b", "a"]);
    expect(order("size")).toEqual(["b", "c", "a"]);
    expect(order("size-", "name-")).toEqual(["a", "c", "b"]);
    expect(order("pod.name")).toEqual(["c", "a", "b"]);
    expect(order("pod.name-")).toEqual(["a", "c", "b"]);
  });

  it("is refused for what is no field or has no order", () => {
    expect(() => order("nmae")).toThrow(/no field nmae/u);
    expect(() => order("-name")).toThrow(/no field -name/u);
    expect(() => order("-")).toThrow(/no field/u);
    expect(() => order("pod")).toThrow(/no order/u);
  });
});

describe("The total of a list", () => {
  const item = (provisioned: number, reduction: number): Item => ({
    name: "v",
    priority: 3,
    provisioned,
    pod: { id: "1", name: "p" },
    arrays: [{ name: "a" }],
    space: { data_reduction: reduction, unique: 5, shared: null },
  });

  it("has sums, mean ratios, and nulls for what is nobody's", () => {
    expect(totalOf([item(1024, 1), item(2048, 4)], undefined)).toEqual([
      {
        name: null,
        priority: null,
        provisioned: 3072,
        pod: { id: null, name: null },
        arrays: [],
        space: { data_reduction: 2.5, unique: 10, shared: null },
      },
    ]);
  });

  it("has the shape of an item seen before when the list is empty", () => {
    expect(totalOf([], undefined)).toEqual([]);
    expect(totalOf([], item(1024, 1))).toMatchObject([
      { name: null, provisioned: null, space: { unique: null } },
    ]);
  });
});
