import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import { parsePythonJson } from "../../daemon/consumers/python-json.ts";

const limits = { maxDepth: 32, maxItems: 1000 };
const parse = (text: string) => parsePythonJson(text, limits);
const codeOf = (text: string) => {
  try {
    parse(text);
    return null;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

describe("parsePythonJson", () => {
  it("reads whatever JSON.stringify writes", () => {
    const anything = fc
      .jsonValue({ maxDepth: 6 })
      .filter((value) => !JSON.stringify(value).includes('"__proto__"'));
    fc.assert(
      fc.property(anything, fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        // Objects differ in their prototype only.
        expect(JSON.parse(JSON.stringify(parse(text)))).toEqual(
          JSON.parse(text),
        );
      }),
    );
  });

  it("never takes what JSON.parse refuses, but for NaN and Infinity", () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(
            ...Array.from('[]{}",:\\/ntrue1.-+e0 \n\u0001'),
          ),
        }),
        (text) => {
          let expected: unknown = "refused";
          try {
            expected = JSON.parse(text);
          } catch {
            // Stays refused.
          }
          const code = codeOf(text);
          // A key that comes twice is all that we refuse beyond that.
          expect(expected === "refused" ? code : null).toBe(
            expected === "refused" ? "ENVELOPE_INVALID" : null,
          );
        },
      ),
    );
  });

  it.each([
    ["NaN", Number.NaN],
    ["Infinity", Infinity],
    ["-Infinity", -Infinity],
    ["9007199254740993", 2 ** 53],
    ["1e400", Infinity],
    ['"\\ud83d\\ude00"', "😀"],
    [" [1 , 2 ]\n", [1, 2]],
  ])("reads %s", (text, value) => {
    expect(parse(text)).toEqual(value);
  });

  it("makes __proto__ and constructor keys like any other", () => {
    const value = parse(
      '{"__proto__": {"isAdmin": true}, "constructor": 1}',
    ) as Record<string, unknown>;
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(Object.keys(value)).toEqual(["__proto__", "constructor"]);
    expect(({} as Record<string, unknown>)["isAdmin"]).toBeUndefined();
  });

  it("takes as deep and as many as the limits say, and no more", () => {
    const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    expect([codeOf(deep(33)), codeOf(deep(34)), codeOf(deep(10_000))]).toEqual([
      null,
      "ENVELOPE_TOO_COMPLEX",
      "ENVELOPE_TOO_COMPLEX",
    ]);
    const many = (items: number) =>
      `[${Array.from({ length: items }, () => 1).join(",")}]`;
    expect([codeOf(many(1000)), codeOf(many(1001))]).toEqual([
      null,
      "ENVELOPE_TOO_COMPLEX",
    ]);
  });

  it.each([
    '{"a":1,"a":2}',
    "",
    " ",
    "{",
    "[1,]",
    '{"a"}',
    '{"a":1,}',
    "01",
    "1.",
    "nul",
    '"a\nb"',
    '"\\x"',
    '"\\',
    "1 2",
    "{1:2}",
    "-",
  ])("refuses %j", (text) => {
    expect(codeOf(text)).toBe("ENVELOPE_INVALID");
  });
});
