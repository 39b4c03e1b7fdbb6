import { type ZodType, z } from "zod";
import { BackendError } from "../../errors.ts";
import type { Query } from "./array-client.ts";

/** One page of a list. */
export interface ArrayPage<T> {
  readonly items: readonly T[];
  readonly hasMore: boolean;
  readonly continuationToken: string | null;
}

/** Without a limit an array cuts a list at its own page size; every GET that lists has this parameter (vendor's OpenAPI files). */
const pageLimit = 1000;

/** A filter may leave a page empty, but not one after the other for ever. */
const maxEmptyPages = 100;

/** A body as a page; throws with the place of what is wrong, without its value. */
export function arrayPageOf<T>(body: unknown, item: ZodType<T>): ArrayPage<T> {
  if (body === null || body === undefined) {
    throw new Error("its body is empty");
  }
  const page = z.object({
    items: z.array(item).nullish(),
    continuation_token: z.string().nullish(),
    more_items_remaining: z.boolean().nullish(),
  });
  const { data, error } = page.safeParse(body);
  if (error !== undefined) {
    const [issue] = error.issues;
    throw new Error(
      `${issue?.path.join(".") || "the body"}: ${issue?.message ?? "wrong shape"}`,
    );
  }
  return {
    items: data.items ?? [],
    hasMore: data.more_items_remaining ?? false,
    continuationToken: data.continuation_token || null,
  };
}

/** All pages of a list, one after the other with the same query. A list that cannot be finished fails: never a part of it. */
export async function allPages<T>(
  fetchPage: (query: Query) => Promise<ArrayPage<T>>,
  query: Query,
  what: string,
): Promise<readonly T[]> {
  const items: T[] = [];
  const seen = new Set<string>();
  let emptyPages = 0;
  let next: Query = { ...query, limit: query["limit"] ?? pageLimit };
  for (;;) {
    const page = await fetchPage(next);
    items.push(...page.items);
    emptyPages = page.items.length === 0 ? emptyPages + 1 : 0;
    if (!page.hasMore) {
      return items;
    }
    const token = page.continuationToken;
    const objection = objectionTo(page, seen, emptyPages);
    if (token === null || objection !== null) {
      throw new BackendError(
        "ARRAY_ANSWER",
        `${what} says that there is more after ${items.length} items, ${objection ?? ""}`,
      );
    }
    seen.add(token);
    next = { ...next, continuation_token: token };
  }
}

/** Why a list cannot be followed any further. */
function objectionTo(
  { continuationToken }: ArrayPage<unknown>,
  seen: ReadonlySet<string>,
  emptyPages: number,
): string | null {
  if (continuationToken === null) {
    return "but not how to ask for it";
  }
  if (seen.has(continuationToken)) {
    return "and then points back to a page it gave";
  }
  return emptyPages > maxEmptyPages ? "and gives empty pages for ever" : null;
}
