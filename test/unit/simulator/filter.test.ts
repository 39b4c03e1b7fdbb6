import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import type { Item } from "../../../simulator/rest/endpoint.ts";
import type { FilterExpression } from "../../../simulator/rest/filter/filter-expression.ts";
import { matchFilter } from "../../../simulator/rest/filter/match-filter.ts";
import { parseFilter } from "../../../simulator/rest/filter/parse-filter.ts";

function item(name: string, fields: Item = {}): Item {
  return {
    name,
    destroyed: false,
    provisioned: 1024,
    created: null,
    iqns: [],
    is_local: true,
    source: { id: null, name: null },
    services: [],
    eth: { subtype: "physical", address: null },
    ...fields,
  };
}

const items: readonly Item[] = [
  item("CT0.ETH4", { services: ["iscsi"], enabled: true }),
  item("CT1.ETH4", { services: ["iscsi", "nvme-tcp"], enabled: false }),
  item("ct0.eth4", { eth: { subtype: "vif", address: "10.0.0.1" } }),
  item("host", { iqns: ["iqn.a:1", "iqn.A:2"] }),
  item("far:host", { iqns: ["iqn.a:1"], is_local: false }),
  item("vol", { destroyed: true, provisioned: 2048, created: 7 }),
  item("clone", { source: { id: "1", name: "vol" }, provisioned: 4096 }),
];

function names(filter: string): readonly unknown[] {
  return matchFilter(parseFilter(filter), items, []).map(({ name }) => name);
}

describe("A filter", () => {
  it.each<readonly [string, readonly string[]]>([
    // As drivers send them.
    ["name='CT0.*'", ["CT0.ETH4", "ct0.eth4"]],
    ["iqns='iqn.a:1' and is_local", ["host"]],
    ["iqns='iqn.a:1' and is_local='true'", ["host"]],
    ["services='iscsi' and enabled='true'", ["CT0.ETH4"]],
    ["destroyed='true'", ["vol"]],
    ["destroyed=true", ["vol"]],
    ["source", ["clone"]],
    ["source.name='vol'", ["clone"]],
    ["eth.subtype='vif' or services='nvme-tcp'", ["CT1.ETH4", "ct0.eth4"]],
    ["contains(name,'lon')", ["clone"]],
    ["contains( iqns , 'A:2' )", ["host"]],
    // The rest of the language.
    ["name='*host'", ["host", "far:host"]],
    ["name='*T*ETH*'", ["CT0.ETH4", "CT1.ETH4", "ct0.eth4"]],
    ["name='C.ETH4'", []],
    // Names are the same in any case; other texts are not.
    ["name='HOST'", ["host"]],
    ["name='ct1.eth4'", ["CT1.ETH4"]],
    ["contains(name,'LON')", ["clone"]],
    ["source.name='VOL'", ["clone"]],
    ["iqns='IQN.A:1'", []],
    ["eth.subtype='VIF'", []],
    ["provisioned>1024", ["vol", "clone"]],
    ["provisioned >= '2048' and provisioned<4096", ["vol"]],
    ["provisioned<=1024.5 and not name='*.*' and is_local", ["host"]],
    ["created", ["vol"]],
    ["created>6", ["vol"]],
    ["created!=7 and name='vol'", []],
    ["name>'far:host'", ["host", "vol"]],
    ["iqns", ["host", "far:host"]],
    ["not iqns!='iqn.A:2'", ["host"]],
    ["name='vol' or name='clone' and destroyed", ["vol"]],
    ["(name='vol' or name='clone') and not destroyed", ["clone"]],
    ["not (name='vol' or not name='*o*') and not iqns", ["clone"]],
    ["not not name='vol'", ["vol"]],
    ["name='vol'and destroyed", ["vol"]],
  ])("%s lets the right ones through", (filter, expected) => {
    expect(names(filter)).toEqual(expected);
  });

  it.each([
    "",
    "   ",
    "name=",
    "name=vol",
    'name="vol"',
    "name='vol",
    "'vol'=name",
    "name='vol' destroyed",
    "(name='vol'",
    "name='vol')",
    "and name='vol'",
    "name='vol' and",
    "not",
    "name='vol' && destroyed",
    "name==1",
    "name like 'a*'",
    "contains(name,vol)",
    "contains(name)",
    "contains('vol',name)",
    "name=('a','b')",
    "provisioned>1K",
    "true",
    "pod..name='a'",
    "name='vol';",
    `${"(".repeat(200)}name='vol'${")".repeat(200)}`,
  ])("is refused where it is none: %s", (filter) => {
    expect(() => parseFilter(filter)).toThrow(/^Invalid filter: /u);
  });

  it.each([
    "nmae='vol'",
    "name='vol' or nmae",
    "source.nmae='vol'",
    "contains(nmae,'vol')",
  ])("is refused for a field that is not there: %s", (filter) => {
    expect(() => names(filter)).toThrow(/there is no field/u);
  });

  it("is refused for a field that is not there in an empty list whose items were seen before", () => {
    const expression = parseFilter("nmae='vol'");
    expect(() => matchFilter(expression, [], items)).toThrow(/no field nmae/u);
    expect(matchFilter(parseFilter("name='vol'"), [], items)).toEqual([]);
  });

  it.each([
    "name=5",
    "name=true",
    "provisioned='much'",
    "provisioned=true",
    "destroyed='no'",
    "destroyed>'false'",
    "source='vol'",
    "contains(provisioned,'1')",
    "name='vol' or provisioned=''",
  ])("is refused for a value of the wrong type: %s", (filter) => {
    expect(() => names(filter)).toThrow(/cannot be compared/u);
  });
});

describe("The filter's language", () => {
  const field = fc.constantFrom("name", "destroyed", "source.name", "and_more");
  const text = fc.string().map((value) => value.replaceAll("'", ""));
  const literal = fc.oneof(
    text.map((value) => ({ kind: "text" as const, value })),
    fc.integer().map((value) => ({ kind: "number" as const, value })),
    fc.boolean().map((value) => ({ kind: "boolean" as const, value })),
  );
  const operator = fc.constantFrom("=", "!=", "<", ">", "<=", ">=" as const);
  const expressions = fc.letrec<{ any: FilterExpression }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 5, depthSize: "small" },
      fc.record({ kind: fc.constant("exists" as const), field }),
      fc.record({
        kind: fc.constant("comparison" as const),
        field,
        operator,
        literal,
      }),
      fc.record({
        kind: fc.constant("contains" as const),
        field,
        part: text,
      }),
      fc.record({ kind: fc.constant("not" as const), of: tie("any") }),
      fc.record({
        kind: fc.constantFrom("and" as const, "or" as const),
        left: tie("any"),
        right: tie("any"),
      }),
    ),
  })).any;

  function written(expression: FilterExpression, space: string): string {
    const inner = (of: FilterExpression) => written(of, space);
    switch (expression.kind) {
      case "and":
      case "or":
        return `(${inner(expression.left)} ${expression.kind} ${inner(expression.right)})`;
      case "not":
        return `not ${space}(${inner(expression.of)}${space})`;
      case "exists":
        return expression.field;
      case "contains":
        return `contains(${expression.field}${space},'${expression.part}')`;
      case "comparison": {
        const { kind, value } = expression.literal;
        const shown = kind === "text" ? `'${value}'` : String(value);
        return `${expression.field}${space}${expression.operator}${space}${shown}`;
      }
    }
  }

  it("reads what it wrote, with any spaces", () => {
    fc.assert(
      fc.property(
        expressions,
        fc.constantFrom("", " ", "  "),
        (expression, space) => {
          expect(parseFilter(written(expression, space))).toEqual(expression);
        },
      ),
    );
  });

  it("refuses or reads any text, and never fails otherwise", () => {
    const words = fc.constantFrom(
      ..."name ( ) , ' = != < and or not contains true 5 * . - 'a*'".split(" "),
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(words, { maxLength: 12 }).map((parts) => parts.join(" ")),
    );
    fc.assert(
      fc.property(texts, (filter) => {
        let outcome = "read";
        try {
          parseFilter(filter);
        } catch (error) {
          outcome = (error as Error).name;
        }
        expect(["read", "ArrayRefusal"]).toContain(outcome);
      }),
    );
  });

  it("matches a text with stars where its parts stand in order", () => {
    const part = fc.string({
      unit: fc.constantFrom("a", "b", ".", "[", "\\", "^", "$", "+", "?"),
    });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1 }), part, (parts, filling) => {
        const one = { name: parts.join(filling) };
        const expression = parseFilter(`name='${parts.join("*")}'`);
        const matched = matchFilter(expression, [one], []);
        expect(matched).toEqual([one]);
        const longer = { name: `x${one.name}` };
        const isOpen = parts[0] === "" && parts.length > 1;
        expect(matchFilter(expression, [longer], [])).toEqual(
          isOpen ? [longer] : [],
        );
      }),
    );
  });

  it("needs no more time for many stars", () => {
    const one = { name: "a".repeat(4096) };
    const expression = parseFilter(`name='${"*a".repeat(2000)}*b*'`);
    const beganMs = performance.now();
    expect(matchFilter(expression, [one], [])).toEqual([]);
    expect(performance.now() - beganMs).toBeLessThan(1000);
  });

  it("does not let parts of a pattern share what they match", () => {
    const one = { name: "aba" };
    const matched = (pattern: string) =>
      matchFilter(parseFilter(`name='${pattern}'`), [one], []).length === 1;
    expect(["ab*ba", "*aba*a", "a*a*a", "a**a*b"].filter(matched)).toEqual([]);
    expect(["a*ba", "ab*a", "**aba**", "*"].filter(matched)).toHaveLength(4);
  });

  it("lets through with `not` what it keeps out without", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(
          "name='*o*'",
          "provisioned>1024",
          "iqns!='iqn.a:1'",
          "created",
          "eth.address='10.*'",
        ),
        fc.subarray([...items]),
        (filter, some) => {
          const kept = matchFilter(parseFilter(filter), some, items);
          const others = matchFilter(parseFilter(`not ${filter}`), some, items);
          expect(some.filter((one) => !kept.includes(one))).toEqual(others);
        },
      ),
    );
  });
});
