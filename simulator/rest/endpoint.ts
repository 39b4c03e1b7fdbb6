import type { Version } from "../version.ts";

/** A JSON value. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** An object as an array answers it: every field of the newest version, unset ones null. */
export type Item = { readonly [key: string]: Json };

/** A query parameter: its type, and the version that brought it. Lists are one comma-separated value. */
export interface Parameter {
  readonly type: "string" | "list" | "boolean" | "integer";
  readonly since?: Version;
}

/**
 * Shape of a request body: what a field may be. `any` is for values that the endpoint checks itself. Objects refuse
 * fields that are not named.
 */
export type BodyShape =
  | "string"
  | "integer"
  | "number"
  | "boolean"
  | "any"
  | { readonly kind: "array"; readonly of: BodyShape }
  | {
      readonly kind: "object";
      readonly fields: Readonly<
        Record<string, { readonly shape: BodyShape; readonly since?: Version }>
      >;
    };

/** Values of the query after parsing: lists split and decoded, booleans and integers read. Absent ones are left out. */
export interface Query {
  string(name: string): string | undefined;
  list(name: string): readonly string[] | undefined;
  boolean(name: string): boolean | undefined;
  integer(name: string): number | undefined;
}

/** One checked request. */
export interface Call {
  readonly version: Version;
  readonly query: Query;
  /** As the endpoint's shape says; null when there is none. */
  readonly body: Json;
}

/**
 * What an endpoint answers: `items` in the default order, before filter, sort and paging (those are the server's); a
 * write gives the objects it made or changed, and nothing for a DELETE.
 */
export interface Answer {
  readonly items: readonly Item[];
}

/** One method of one path below `/api/2.x/`. */
export interface Endpoint {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Such as `volumes/tags/batch`. */
  readonly path: string;
  readonly since: Version;
  /**
   * Parameters beyond those of the server: on a GET the server itself knows `filter`, `sort`, `limit`, `offset`,
   * `continuation_token`, `total_item_count` where `listing` names them.
   */
  readonly query: Readonly<Record<string, Parameter>>;
  /** GET only: which of the server's own parameters this endpoint has. */
  readonly listing?: readonly ListingParameter[];
  /** GET only: answers also have `total` (a list of one object without names), when true. */
  readonly hasTotal?: boolean;
  readonly body?: BodyShape;
  /** A body may be left out. */
  readonly isBodyOptional?: boolean;
  /** Fields of an item newer than `since`, dotted: `space.total_used` → 2.26. The server leaves them out below that. */
  readonly fieldsSince?: Readonly<Record<string, Version>>;
  /** Throws `ArrayRefusal` for what the array refuses. */
  handle(call: Call): Answer | Promise<Answer>;
}

/** Parameters of listings that the server itself serves. */
export type ListingParameter =
  | "filter"
  | "sort"
  | "limit"
  | "offset"
  | "continuation_token"
  | "total_item_count"
  | "total_only";
