import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "../model/array-model.ts";
import {
  defaultNamespace,
  deleteTags,
  type NewTag,
  setTags,
} from "../model/tags.ts";
import type { Tag, VolumeRecord } from "../model/volume-record.ts";
import type { Endpoint, Item, Query } from "../rest/endpoint.ts";
import { arrayOf, object } from "./body-shapes.ts";
import { boolean, list, pagedListing } from "./parameters.ts";
import { pickBy } from "./pick-objects.ts";
import { referenceItem } from "./volume-item.ts";
import { withoutNulls } from "./without-nulls.ts";

const resources = { resource_ids: list, resource_names: list };

/** `volumes/tags` and `volumes/tags/batch`. */
export function volumeTagEndpoints(model: ArrayModel): readonly Endpoint[] {
  return [
    {
      method: "GET",
      path: "volumes/tags",
      since: "2.2",
      query: { namespaces: list, resource_destroyed: boolean, ...resources },
      listing: pagedListing,
      handle: ({ query }) =>
        model.read(() => ({ items: listTags(model, query) })),
    },
    {
      method: "DELETE",
      path: "volumes/tags",
      since: "2.2",
      query: { keys: list, namespaces: list, ...resources },
      handle: ({ query }) =>
        model.change(() => {
          removeTags(query, taggedVolumes(model, query));
          return { items: [] };
        }),
    },
    {
      method: "PUT",
      path: "volumes/tags/batch",
      since: "2.2",
      query: resources,
      body: arrayOf(
        object({
          copyable: "boolean",
          key: "string",
          namespace: "string",
          resource: "any",
          value: "string",
        }),
      ),
      handle: ({ query, body }) =>
        model.change(() => {
          const volumes = taggedVolumes(model, query);
          const tags = setTags(
            volumes,
            withoutNulls(body) as readonly NewTag[],
          );
          return {
            items: volumes.flatMap((volume) =>
              tags.map((tag) => tagItem(volume, tag)),
            ),
          };
        }),
    },
  ];
}

/** Without namespaces only those of the default one are told. */
function listTags(model: ArrayModel, query: Query): readonly Item[] {
  const namespaces = new Set(query.list("namespaces") ?? [defaultNamespace]);
  const isDestroyed = query.boolean("resource_destroyed");
  const named = pickVolumes(model, query);
  const isWanted = ({ expiresAtMs }: VolumeRecord): boolean =>
    isDestroyed === undefined || isDestroyed === (expiresAtMs !== null);
  const other = named?.find((volume) => !isWanted(volume));
  if (other !== undefined) {
    throw new ArrayRefusal("Volume does not exist.", other.name);
  }
  return (named ?? model.volumes.all().filter(isWanted)).flatMap((volume) =>
    volume.tags
      .filter(({ namespace }) => namespaces.has(namespace))
      .map((tag) => tagItem(volume, tag)),
  );
}

function removeTags(query: Query, volumes: readonly VolumeRecord[]): void {
  const keys = query.list("keys") ?? [];
  const namespaces = query.list("namespaces") ?? [defaultNamespace];
  const [namespace] = namespaces;
  if (keys.length === 0 || namespace === undefined || namespaces.length > 1) {
    // Invented text.
    throw new ArrayRefusal("Keys and at most one namespace are required.");
  }
  deleteTags(volumes, keys, namespace);
}

function taggedVolumes(
  model: ArrayModel,
  query: Query,
): readonly VolumeRecord[] {
  const volumes = pickVolumes(model, query) ?? [];
  if (volumes.length === 0) {
    // Invented text.
    throw new ArrayRefusal("Resource names or ids are required.");
  }
  return volumes;
}

function pickVolumes(
  model: ArrayModel,
  query: Query,
): readonly VolumeRecord[] | undefined {
  return pickBy(
    model.volumes,
    { names: query.list("resource_names"), ids: query.list("resource_ids") },
    "Volume",
  );
}

function tagItem(volume: VolumeRecord, tag: Tag): Item {
  return {
    copyable: tag.copyable,
    key: tag.key,
    namespace: tag.namespace,
    resource: referenceItem(volume),
    value: tag.value,
  };
}
