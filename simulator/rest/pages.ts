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

/** A list that somebody walks through; all its tokens share it. */
interface Walk {
  readonly id: string;
  readonly identity: string;
  readonly items: readonly Item[];
}

/** Beyond them the walks that rest longest are forgotten, but for the newest, which may be longer. */
const keptWalks = 1000;
const keptItems = 50_000;

/**
 * Cuts lists into pages. A token stands for the rest of the list as it was with the first page: every item comes
 * once, whatever happens meanwhile (vendor's OpenAPI file). The same token gives the same page again.
 */
export class Pages {
  readonly #settings: { readonly pageSize: number };
  /** The one used last is at the end. */
  readonly #walks = new Map<string, Walk>();
  #itemCount = 0;

  constructor(settings: { readonly pageSize: number }) {
    this.#settings = settings;
  }

  /** How many items are kept for tokens. */
  get itemCount(): number {
    return this.#itemCount;
  }

  /** @throws {ArrayRefusal} a token of another query, or with a sort */
  cut(items: readonly Item[], request: PageRequest): Page {
    const { identity, limit, offset = 0, continuationToken: token } = request;
    const { walk, from } =
      token === undefined
        ? { walk: { id: randomUUID(), identity, items }, from: offset }
        : this.#resumed(token, request);
    if (limit === 0) {
      return { items: [], continuationToken: null, moreItemsRemaining: false };
    }
    const { pageSize } = this.#settings;
    const to = from + Math.min(limit ?? pageSize, pageSize);
    const moreItemsRemaining = to < walk.items.length;
    return {
      items: walk.items.slice(from, to),
      moreItemsRemaining,
      continuationToken:
        moreItemsRemaining && request.hasTokens && !request.isSorted
          ? this.#keep(walk, to)
          : null,
    };
  }

  #resumed(
    token: string,
    request: PageRequest,
  ): { readonly walk: Walk; readonly from: number } {
    if (request.isSorted) {
      throw new ArrayRefusal(
        "'continuation_token' works with the default sort only; use 'offset'.",
      );
    }
    const [id = "", from = ""] = Buffer.from(token, "base64")
      .toString()
      .split(" ");
    const walk = this.#walks.get(id);
    if (walk === undefined || walk.identity !== request.identity) {
      throw new ArrayRefusal("Invalid continuation token.");
    }
    return { walk, from: Number(from) };
  }

  #keep(walk: Walk, from: number): string {
    this.#forget(walk);
    this.#walks.set(walk.id, walk);
    this.#itemCount += walk.items.length;
    for (const old of this.#walks.values()) {
      const isTooMuch =
        this.#itemCount > keptItems || this.#walks.size > keptWalks;
      if (!isTooMuch || old === walk) {
        break;
      }
      this.#forget(old);
    }
    return Buffer.from(`${walk.id} ${from}`).toString("base64");
  }

  #forget(walk: Walk): void {
    if (this.#walks.delete(walk.id)) {
      this.#itemCount -= walk.items.length;
    }
  }
}
