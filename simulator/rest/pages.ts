import { randomUUID } from "node:crypto";
import { ArrayRefusal } from "../array-refusal.ts";
import type { Item } from "./endpoint.ts";

/** Which part of a list is asked for. */
export interface PageRequest {
  /** Of the whole query but the token: a token is good for the same query only. */
  readonly identity: string;
  readonly limit: number | undefined;
  readonly offset: number | undefined;
  readonly continuationToken: string | undefined;
  readonly isSorted: boolean;
  /** The endpoint has the parameter `continuation_token`. */
  readonly hasTokens: boolean;
}

/** A part of a list. */
export interface Page {
  readonly items: readonly Item[];
  readonly continuationToken: string | null;
  readonly moreItemsRemaining: boolean;
}

interface Rest {
  readonly identity: string;
  readonly items: readonly Item[];
}

/** Older tokens are forgotten. */
const keptTokens = 1000;

/**
 * Cuts lists into pages. A token stands for the rest of the list as it was with the first page: every item comes
 * once, whatever happens meanwhile (vendor's OpenAPI file). The same token gives the same page again.
 */
export class Pages {
  readonly #settings: { readonly pageSize: number };
  readonly #rests = new Map<string, Rest>();

  constructor(settings: { readonly pageSize: number }) {
    this.#settings = settings;
  }

  /** @throws {ArrayRefusal} a token of another query, or with a sort */
  cut(items: readonly Item[], request: PageRequest): Page {
    const { limit, offset = 0, continuationToken: token } = request;
    const rest =
      token === undefined ? items.slice(offset) : this.#restOf(token, request);
    if (limit === 0) {
      return { items: [], continuationToken: null, moreItemsRemaining: false };
    }
    const size = Math.min(
      limit ?? this.#settings.pageSize,
      this.#settings.pageSize,
    );
    const after = rest.slice(size);
    return {
      items: rest.slice(0, size),
      moreItemsRemaining: after.length > 0,
      continuationToken:
        after.length > 0 && request.hasTokens && !request.isSorted
          ? this.#keep({ identity: request.identity, items: after })
          : null,
    };
  }

  #restOf(token: string, request: PageRequest): readonly Item[] {
    if (request.isSorted) {
      throw new ArrayRefusal(
        "'continuation_token' works with the default sort only; use 'offset'.",
      );
    }
    const rest = this.#rests.get(token);
    if (rest === undefined || rest.identity !== request.identity) {
      throw new ArrayRefusal("Invalid continuation token.");
    }
    return rest.items;
  }

  #keep(rest: Rest): string {
    const token = Buffer.from(randomUUID()).toString("base64");
    this.#rests.set(token, rest);
    const [oldest] = this.#rests.keys();
    if (this.#rests.size > keptTokens && oldest !== undefined) {
      this.#rests.delete(oldest);
    }
    return token;
  }
}
