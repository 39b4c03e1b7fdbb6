import { ArrayRefusal } from "../array-refusal.ts";
import type { NamedObjects } from "../model/named-objects.ts";
import type { Query } from "../rest/endpoint.ts";

interface Destroyable {
  readonly id: string;
  name: string;
  expiresAtMs?: number | null;
}

/** The objects that a GET is about: those of `names` or `ids` or all, in the state that `destroyed` asks for. */
export function pickListed<T extends Destroyable>(
  objects: NamedObjects<T>,
  query: Query,
  kind: string,
): readonly T[] {
  const isDestroyed = query.boolean("destroyed");
  const isWanted = ({ expiresAtMs = null }: T): boolean =>
    isDestroyed === undefined || isDestroyed === (expiresAtMs !== null);
  const picked = pickGiven(objects, query, kind);
  if (picked === undefined) {
    return objects.all().filter(isWanted);
  }
  const other = picked.find((object) => !isWanted(object));
  if (other !== undefined) {
    throw new ArrayRefusal(`${kind} does not exist.`, other.name);
  }
  return picked;
}

/** The objects that a write is about: those of `names` or `ids`, one at least. */
export function pickWritten<T extends Destroyable>(
  objects: NamedObjects<T>,
  query: Query,
  kind: string,
): readonly T[] {
  const picked = pickGiven(objects, query, kind) ?? [];
  if (picked.length === 0) {
    // Invented text.
    throw new ArrayRefusal("Names or ids are required.");
  }
  return picked;
}

/** Objects of two lists of a query, `<what>_names` and `<what>_ids` for instance; undefined when neither is given. */
export function pickBy<T extends Destroyable>(
  objects: NamedObjects<T>,
  lists: {
    readonly names: readonly string[] | undefined;
    readonly ids?: readonly string[] | undefined;
  },
  kind: string,
): readonly T[] | undefined {
  const { names, ids } = lists;
  if (names !== undefined && ids !== undefined) {
    // Invented text.
    throw new ArrayRefusal("Names and ids cannot be given together.");
  }
  const found = (key: string, object: T | undefined): T => {
    if (object === undefined) {
      throw new ArrayRefusal(`${kind} does not exist.`, key);
    }
    return object;
  };
  const picked =
    names?.map((name) => found(name, objects.named(name))) ??
    ids?.map((id) => found(id, objects.withId(id)));
  return picked === undefined ? undefined : [...new Set(picked)];
}

/** The names of what is to be made: at least one, none twice. */
export function newNames(query: Query): readonly string[] {
  const names = query.list("names") ?? [];
  const distinct = new Set(names.map((name) => name.toLowerCase()));
  if (names.length === 0 || distinct.size < names.length) {
    // Invented text.
    throw new ArrayRefusal("Names are missing or given twice.");
  }
  return names;
}

function pickGiven<T extends Destroyable>(
  objects: NamedObjects<T>,
  query: Query,
  kind: string,
): readonly T[] | undefined {
  return pickBy(
    objects,
    { names: query.list("names"), ids: query.list("ids") },
    kind,
  );
}
