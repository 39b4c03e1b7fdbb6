import { ArrayRefusal } from "../../array-refusal.ts";
import type { Item, Json } from "../endpoint.ts";
import { fieldValues, hasField } from "../item-field.ts";
import type {
  FilterExpression,
  FilterLiteral,
  FilterOperator,
} from "./filter-expression.ts";
import { matchesWildcards } from "./matches-wildcards.ts";

/**
 * The items that a filter lets through. Names are compared without regard to case (LXD's driver asks for the port
 * `ct0.eth4`, which arrays call `CT0.ETH4`), other texts exactly. `shapes` are items that show which fields there are,
 * for when there is none to look at.
 *
 * @throws {ArrayRefusal} a field that no item has, or a literal of the wrong type
 */
export function matchFilter(
  expression: FilterExpression,
  items: readonly Item[],
  shapes: readonly Item[],
): readonly Item[] {
  const known = items.length > 0 ? items : shapes;
  for (const field of fieldsOf(expression)) {
    if (known.length > 0 && !hasField(known, field)) {
      throw new ArrayRefusal(`Invalid filter: there is no field ${field}.`);
    }
  }
  return items.filter((item) => isMatch(expression, item));
}

function fieldsOf(expression: FilterExpression): readonly string[] {
  switch (expression.kind) {
    case "and":
    case "or":
      return [...fieldsOf(expression.left), ...fieldsOf(expression.right)];
    case "not":
      return fieldsOf(expression.of);
    case "comparison":
    case "contains":
    case "exists":
      return [expression.field];
  }
}

function isMatch(expression: FilterExpression, item: Item): boolean {
  switch (expression.kind) {
    case "and":
    case "or": {
      // Both sides always: a wrong literal is refused whatever the other side says.
      const left = isMatch(expression.left, item);
      const right = isMatch(expression.right, item);
      return expression.kind === "and" ? left && right : left || right;
    }
    case "not":
      return !isMatch(expression.of, item);
    case "exists":
      return fieldValues(item, expression.field).some(
        (value) => value !== false && value !== "",
      );
    case "contains":
      return fieldValues(item, expression.field).some((value) =>
        hasPart(value, expression.field, expression.part),
      );
    case "comparison":
      return isCompared(expression, fieldValues(item, expression.field));
  }
}

function hasPart(value: Json, field: string, part: string): boolean {
  if (typeof value !== "string") {
    throw wrongType(field);
  }
  return comparable(value, field).includes(comparable(part, field));
}

function isCompared(
  comparison: FilterExpression & { readonly kind: "comparison" },
  values: readonly Json[],
): boolean {
  const { operator, literal, field } = comparison;
  // Of a list and of an unset field too, `!=` is the opposite of `=`.
  if (operator === "!=") {
    return !values.some((value) => isTrue(value, "=", literal, field));
  }
  return values.some((value) => isTrue(value, operator, literal, field));
}

function isTrue(
  value: Json,
  operator: FilterOperator,
  literal: FilterLiteral,
  field: string,
): boolean {
  if (typeof value === "string" && literal.kind === "text") {
    const text = comparable(value, field);
    const other = comparable(literal.value, field);
    return operator === "="
      ? matchesWildcards(text, other)
      : isOrdered(text, operator, other);
  }
  if (typeof value === "number") {
    return isOrdered(value, operator, numberOf(literal, field));
  }
  if (typeof value === "boolean" && operator === "=") {
    return value === booleanOf(literal, field);
  }
  throw wrongType(field);
}

function isOrdered<T extends string | number>(
  value: T,
  operator: FilterOperator,
  other: T,
): boolean {
  switch (operator) {
    case "=":
      return value === other;
    case "!=":
      return value !== other;
    case "<":
      return value < other;
    case ">":
      return value > other;
    case "<=":
      return value <= other;
    case ">=":
      return value >= other;
  }
}

/** Names are the same in any case on an array, those in references too. */
function comparable(text: string, field: string): string {
  return field === "name" || field.endsWith(".name")
    ? text.toLowerCase()
    : text;
}

function numberOf(literal: FilterLiteral, field: string): number {
  const value =
    literal.kind === "text" && literal.value.trim() !== ""
      ? Number(literal.value)
      : literal.value;
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw wrongType(field);
  }
  return value;
}

function booleanOf(literal: FilterLiteral, field: string): boolean {
  const text = String(literal.value);
  if (literal.kind === "number" || (text !== "true" && text !== "false")) {
    throw wrongType(field);
  }
  return text === "true";
}

function wrongType(field: string): ArrayRefusal {
  return new ArrayRefusal(
    `Invalid filter: field ${field} cannot be compared with that.`,
  );
}
