import type { Query } from "./endpoint.ts";

/** A value of a query as its parameter's type says. */
export type QueryValue = string | readonly string[] | boolean | number;

/** Values that were checked against an endpoint's parameters. */
export class ParsedQuery implements Query {
  readonly #values: ReadonlyMap<string, QueryValue>;

  constructor(values: ReadonlyMap<string, QueryValue>) {
    this.#values = values;
  }

  string(name: string): string | undefined {
    const value = this.#values.get(name);
    return typeof value === "string" ? value : undefined;
  }

  list(name: string): readonly string[] | undefined {
    const value = this.#values.get(name);
    return typeof value === "object" ? value : undefined;
  }

  boolean(name: string): boolean | undefined {
    const value = this.#values.get(name);
    return typeof value === "boolean" ? value : undefined;
  }

  integer(name: string): number | undefined {
    const value = this.#values.get(name);
    return typeof value === "number" ? value : undefined;
  }

  /** The same query for everybody who asks the same, but for its continuation token. */
  get identity(): string {
    const others = [...this.#values].filter(
      ([name]) => name !== "continuation_token",
    );
    return JSON.stringify(others.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}
