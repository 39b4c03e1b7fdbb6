import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "../model/array-model.ts";
import type { PodRecord } from "../model/container-record.ts";
import { requireProtectionGroups } from "../model/protection.ts";
import type { Endpoint, Item, Query } from "../rest/endpoint.ts";
import { arrayOf, object } from "./body-shapes.ts";
import { boolean, list, pagedListing } from "./parameters.ts";
import { pickListed } from "./pick-objects.ts";
import { withoutNulls } from "./without-nulls.ts";

/** The groups that new volumes join: a list of the array, whose id and name are null, and one of each pod. */
export function containerDefaultProtectionEndpoints(
  model: ArrayModel,
): readonly Endpoint[] {
  const common = {
    path: "container-default-protections",
    since: "2.16",
  } as const;
  return [
    {
      ...common,
      method: "GET",
      query: { destroyed: boolean, ids: list, names: list },
      listing: pagedListing,
      handle: ({ query }) =>
        model.read(() => ({ items: listProtections(model, query) })),
    },
    {
      ...common,
      method: "PATCH",
      query: { ids: list, names: list },
      body: object({
        default_protections: arrayOf(
          object({ id: "string", name: "string", type: "string" }),
        ),
      }),
      handle: ({ query, body }) =>
        model.change(() => ({
          items: changeProtections(
            model,
            query,
            withoutNulls(body) as Protections,
          ),
        })),
    },
  ];
}

interface Protections {
  readonly default_protections?: readonly {
    readonly id?: string;
    readonly name?: string;
  }[];
}

function listProtections(model: ArrayModel, query: Query): readonly Item[] {
  const pods = pickListed(model.pods, query, "Pod").map((pod) =>
    podItem(model, pod),
  );
  const isArrayToo = !isNamed(query) && query.boolean("destroyed") !== true;
  return isArrayToo ? [arrayItem(model), ...pods] : pods;
}

function changeProtections(
  model: ArrayModel,
  query: Query,
  { default_protections: wanted }: Protections,
): readonly Item[] {
  if (wanted === undefined) {
    // Invented text.
    throw new ArrayRefusal("default_protections are required.");
  }
  const groups = wanted.flatMap(({ id, name }) =>
    requireProtectionGroups(
      model,
      name === undefined ? undefined : [name],
      name === undefined && id !== undefined ? [id] : undefined,
    ),
  );
  if (!isNamed(query)) {
    model.settings.defaultProtection = groups.map(
      ({ name, retentionLock }) => ({ name, retentionLock }),
    );
    return [arrayItem(model)];
  }
  return pickListed(model.pods, query, "Pod").map((pod) => {
    pod.defaultProtection = groups.map(({ name }) => name);
    return podItem(model, pod);
  });
}

function isNamed(query: Query): boolean {
  return query.list("names") !== undefined || query.list("ids") !== undefined;
}

function arrayItem(model: ArrayModel): Item {
  return {
    id: null,
    name: null,
    type: null,
    default_protections: protections(
      model,
      model.settings.defaultProtection.map(({ name }) => name),
    ),
  };
}

function podItem(model: ArrayModel, pod: PodRecord): Item {
  return {
    id: pod.id,
    name: pod.name,
    type: "pod",
    default_protections: protections(model, pod.defaultProtection),
  };
}

function protections(
  model: ArrayModel,
  names: readonly string[],
): readonly Item[] {
  return names.map((name) => ({
    id: model.protectionGroups.named(name)?.id ?? null,
    name,
    type: "protection_group",
  }));
}
