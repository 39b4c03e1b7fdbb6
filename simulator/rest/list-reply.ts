import type { Endpoint, Item } from "./endpoint.ts";
import { matchFilter } from "./filter/match-filter.ts";
import { parseFilter } from "./filter/parse-filter.ts";
import type { Pages } from "./pages.ts";
import type { ParsedQuery } from "./parsed-query.ts";
import { jsonReply, type Reply } from "./reply.ts";
import { sortItems } from "./sort-items.ts";
import { totalOf } from "./total-of.ts";

/** A list before filter, sort and paging. */
export interface ListRequest {
  readonly endpoint: Endpoint;
  readonly version: string;
  readonly query: ParsedQuery;
  readonly items: readonly Item[];
  /** An item of this endpoint seen before, if any: it tells the fields when the list is empty. */
  readonly shape: Item | undefined;
}

/** The whole envelope of a list, with nulls where there is nothing to say. */
export function listReply(request: ListRequest, pages: Pages): Reply {
  const { endpoint, query, shape } = request;
  const shapes = shape === undefined ? [] : [shape];
  const sort = query.list("sort");
  const limit = query.integer("limit");
  const filters = (query.list("filter") ?? []).map(parseFilter);
  // Each looks at all items: what one lets through does not decide which fields the next one may name.
  const matching = filters
    .map((filter) => new Set(matchFilter(filter, request.items, shapes)))
    .reduce<readonly Item[]>(
      (kept, allowed) => kept.filter((item) => allowed.has(item)),
      request.items,
    );
  const page = pages.cut(
    sort === undefined ? matching : sortItems(matching, sort, shapes),
    {
      identity: `${request.version} ${endpoint.path} ${query.identity}`,
      limit,
      offset: query.integer("offset"),
      continuationToken: query.string("continuation_token"),
      isSorted: sort !== undefined,
      hasTokens: endpoint.listing?.includes("continuation_token") === true,
    },
  );
  const isTotalOnly = query.boolean("total_only") === true;
  const isCounted = query.boolean("total_item_count") === true || limit === 0;
  const token = isTotalOnly ? null : page.continuationToken;
  return jsonReply(
    {
      continuation_token: token,
      items: isTotalOnly ? [] : page.items,
      more_items_remaining: !isTotalOnly && page.moreItemsRemaining,
      total_item_count: isCounted ? matching.length : null,
      ...(endpoint.hasTotal === true && { total: totalOf(matching, shape) }),
    },
    token === null ? {} : { "x-next-token": token },
  );
}
