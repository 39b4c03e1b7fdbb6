import { ArrayRefusal } from "../../array-refusal.ts";
import type { FilterOperator } from "./filter-expression.ts";

/** A word of a filter and where it begins. */
export type FilterToken = { readonly at: number } & (
  | { readonly kind: "(" | ")" | "," }
  | { readonly kind: "operator"; readonly operator: FilterOperator }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "name"; readonly name: string }
);

/** One alternative for each kind of token; what none of them matches is no part of the language. */
const token =
  /\s*(?:(?<mark>[(),])|(?<operator>!=|<=|>=|=|<|>)|'(?<text>[^']*)'|(?<number>-?\d+(?:\.\d+)?)(?![\w.])|(?<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*))/uy;

/**
 * Splits a filter into tokens. A text ends at the next single quote: no way to escape one is known.
 *
 * @throws {ArrayRefusal} something else is in it
 */
export function filterTokens(filter: string): readonly FilterToken[] {
  const text = filter.trimEnd();
  const tokens: FilterToken[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const groups = token.exec(text)?.groups;
    if (groups === undefined) {
      throw new ArrayRefusal(
        `Invalid filter: cannot read it from character ${at + 1} on: ${text.slice(at, at + 20).trim()}`,
      );
    }
    tokens.push({ at, ...tokenOf(groups) });
  }
  return tokens;
}

type Unplaced<T> = T extends unknown ? Omit<T, "at"> : never;

function tokenOf(
  groups: Readonly<Record<string, string | undefined>>,
): Unplaced<FilterToken> {
  const { mark, operator, text, number, name = "" } = groups;
  if (mark !== undefined) {
    return { kind: mark as "(" | ")" | "," };
  }
  if (operator !== undefined) {
    return { kind: "operator", operator: operator as FilterOperator };
  }
  if (text !== undefined) {
    return { kind: "text", value: text };
  }
  return number === undefined
    ? { kind: "name", name }
    : { kind: "number", value: Number(number) };
}
