/** A parsed filter; `field` is a dotted path. */
export type FilterExpression =
  | {
      readonly kind: "and" | "or";
      readonly left: FilterExpression;
      readonly right: FilterExpression;
    }
  | { readonly kind: "not"; readonly of: FilterExpression }
  | {
      readonly kind: "comparison";
      readonly field: string;
      readonly operator: FilterOperator;
      readonly literal: FilterLiteral;
    }
  | { readonly kind: "contains"; readonly field: string; readonly part: string }
  | { readonly kind: "exists"; readonly field: string };

/** How a field is compared with a literal. */
export type FilterOperator = "=" | "!=" | "<" | ">" | "<=" | ">=";

/** What a field is compared with; only a `text` was in quotes, and only it may have wildcards. */
export type FilterLiteral =
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "boolean"; readonly value: boolean };
