import { ArrayRefusal } from "../../array-refusal.ts";
import type { FilterExpression, FilterLiteral } from "./filter-expression.ts";
import { type FilterToken, filterTokens } from "./filter-tokens.ts";

/** Deep nesting is a mistake of the caller, and must not be one of ours. */
const maxDepth = 100;

/**
 * Reads a filter: `or` binds weakest, then `and`, then `not`.
 *
 * @throws {ArrayRefusal} it is no filter
 */
export function parseFilter(filter: string): FilterExpression {
  const reader = new TokenReader(filter);
  const expression = disjunction(reader, 0);
  reader.expectEnd();
  return expression;
}

class TokenReader {
  readonly #tokens: readonly FilterToken[];
  #next = 0;

  constructor(filter: string) {
    this.#tokens = filterTokens(filter);
  }

  get peeked(): FilterToken | undefined {
    return this.#tokens[this.#next];
  }

  take(what: string): FilterToken {
    const token = this.peeked;
    if (token === undefined) {
      throw new ArrayRefusal(`Invalid filter: it ends where ${what} belongs.`);
    }
    this.#next += 1;
    return token;
  }

  /** Takes the next token if it is this one. */
  takes(kind: "(" | ")" | ","): boolean {
    if (this.peeked?.kind !== kind) {
      return false;
    }
    this.#next += 1;
    return true;
  }

  /** Takes the next token if it is this word. */
  takesWord(word: "and" | "or" | "not"): boolean {
    const token = this.peeked;
    if (token?.kind !== "name" || token.name !== word) {
      return false;
    }
    this.#next += 1;
    return true;
  }

  expect(kind: "(" | ")" | ","): void {
    const token = this.take(`"${kind}"`);
    if (token.kind !== kind) {
      throw unexpected(token, `"${kind}"`);
    }
  }

  expectEnd(): void {
    if (this.peeked !== undefined) {
      throw unexpected(this.peeked, '"and", "or" or the end');
    }
  }
}

function disjunction(reader: TokenReader, depth: number): FilterExpression {
  let left = conjunction(reader, depth);
  while (reader.takesWord("or")) {
    left = { kind: "or", left, right: conjunction(reader, depth) };
  }
  return left;
}

function conjunction(reader: TokenReader, depth: number): FilterExpression {
  let left = negation(reader, depth);
  while (reader.takesWord("and")) {
    left = { kind: "and", left, right: negation(reader, depth) };
  }
  return left;
}

function negation(reader: TokenReader, depth: number): FilterExpression {
  if (depth > maxDepth) {
    throw new ArrayRefusal("Invalid filter: it is nested too deeply.");
  }
  if (reader.takesWord("not")) {
    return { kind: "not", of: negation(reader, depth + 1) };
  }
  if (reader.takes("(")) {
    const inner = disjunction(reader, depth + 1);
    reader.expect(")");
    return inner;
  }
  return condition(reader);
}

const reserved: ReadonlySet<string> = new Set([
  "and",
  "or",
  "not",
  "true",
  "false",
]);

function condition(reader: TokenReader): FilterExpression {
  const token = reader.take("a field");
  if (token.kind !== "name" || reserved.has(token.name)) {
    throw unexpected(token, "a field");
  }
  const field = token.name;
  if (field === "contains" && reader.takes("(")) {
    return containsCall(reader);
  }
  const next = reader.peeked;
  if (next?.kind !== "operator") {
    return { kind: "exists", field };
  }
  reader.take("an operator");
  const { operator } = next;
  return { kind: "comparison", field, operator, literal: literal(reader) };
}

function containsCall(reader: TokenReader): FilterExpression {
  const field = reader.take("a field");
  if (field.kind !== "name") {
    throw unexpected(field, "a field");
  }
  reader.expect(",");
  const part = reader.take("a quoted text");
  if (part.kind !== "text") {
    throw unexpected(part, "a quoted text");
  }
  reader.expect(")");
  return { kind: "contains", field: field.name, part: part.value };
}

function literal(reader: TokenReader): FilterLiteral {
  const token = reader.take("a value");
  if (token.kind === "text" || token.kind === "number") {
    // The union of both is no literal to the compiler unless they are told apart.
    return token.kind === "text"
      ? { kind: "text", value: token.value }
      : { kind: "number", value: token.value };
  }
  if (
    token.kind === "name" &&
    (token.name === "true" || token.name === "false")
  ) {
    return { kind: "boolean", value: token.name === "true" };
  }
  throw unexpected(
    token,
    "a value (texts are in single quotes, as in name='a*')",
  );
}

function unexpected(token: FilterToken, wanted: string): ArrayRefusal {
  return new ArrayRefusal(
    `Invalid filter: ${wanted} belongs at character ${token.at + 1}, where ${shown(token)} is.`,
  );
}

function shown(token: FilterToken): string {
  switch (token.kind) {
    case "name":
      return token.name;
    case "operator":
      return token.operator;
    case "text":
      return `'${token.value}'`;
    case "number":
      return String(token.value);
    case "(":
    case ")":
    case ",":
      return token.kind;
  }
}
