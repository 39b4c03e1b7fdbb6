import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "../model/array-model.ts";
import type { ProtectionGroupRecord } from "../model/container-record.ts";
import { splitVolumeName } from "../model/object-names.ts";
import { refuseLocked } from "../model/protection.ts";
import type { VolumeRecord } from "../model/volume-record.ts";
import type { Endpoint, Item, Query } from "../rest/endpoint.ts";
import { boolean, list, pagedListing, since } from "./parameters.ts";
import { pickBy } from "./pick-objects.ts";
import { protectionGroupListing } from "./protection-group-item.ts";
import { referenceItem } from "./volume-item.ts";

const ends = {
  group_ids: since(list, "2.16"),
  group_names: list,
  member_ids: since(list, "2.16"),
  member_names: list,
};
const fieldsSince = {
  "group.id": "2.16",
  "member.destroyed": "2.16",
  "member.id": "2.16",
} as const;

/** `protection-groups`, and the volumes in them by either path. Groups come from the settings. */
export function protectionGroupEndpoints(
  model: ArrayModel,
): readonly Endpoint[] {
  return [
    protectionGroupListing(model),
    ...memberEndpoints(model, "protection-groups/volumes"),
    ...memberEndpoints(model, "volumes/protection-groups"),
  ];
}

function memberEndpoints(model: ArrayModel, path: string): readonly Endpoint[] {
  return [
    {
      method: "GET",
      path,
      since: "2.1",
      query: { ...ends, member_destroyed: since(boolean, "2.16") },
      listing: pagedListing,
      fieldsSince,
      handle: ({ query }) =>
        model.read(() => ({ items: listMembers(model, query) })),
    },
    {
      method: "POST",
      path,
      since: "2.1",
      query: ends,
      fieldsSince,
      handle: ({ query }) =>
        model.change(() => ({ items: addMembers(model, query) })),
    },
    {
      method: "DELETE",
      path,
      since: "2.1",
      query: ends,
      handle: ({ query }) =>
        model.change(() => {
          removeMembers(requireEnds(model, query));
          return { items: [] };
        }),
    },
  ];
}

function listMembers(model: ArrayModel, query: Query): readonly Item[] {
  const { groups, members } = pickEnds(model, query);
  const isDestroyed = query.boolean("member_destroyed");
  return (groups ?? model.protectionGroups.all()).flatMap((group) =>
    (members ?? model.volumes.all())
      .filter(
        ({ id, expiresAtMs }) =>
          group.volumeIds.has(id) &&
          (isDestroyed === undefined || isDestroyed === (expiresAtMs !== null)),
      )
      .map((volume) => memberItem(group, volume)),
  );
}

function addMembers(model: ArrayModel, query: Query): readonly Item[] {
  const { groups, members } = requireEnds(model, query);
  for (const group of groups) {
    for (const { id, name } of members) {
      if (group.volumeIds.has(id)) {
        // Invented text; drivers look for these words.
        throw new ArrayRefusal(
          "Protection group already includes the volume.",
          name,
        );
      }
      if (splitVolumeName(group.name).pod !== splitVolumeName(name).pod) {
        // Invented text.
        throw new ArrayRefusal(
          "Volume and protection group are not in the same pod.",
          name,
        );
      }
    }
  }
  return groups.flatMap((group) =>
    members.map((volume) => {
      group.volumeIds.add(volume.id);
      return memberItem(group, volume);
    }),
  );
}

function removeMembers({ groups, members }: Ends): void {
  refuseLocked(groups);
  for (const group of groups) {
    const stranger = members.find(({ id }) => !group.volumeIds.has(id));
    if (stranger !== undefined) {
      // Invented text; drivers look for these words.
      throw new ArrayRefusal(
        "Volume could not be found in the protection group.",
        stranger.name,
      );
    }
  }
  for (const group of groups) {
    for (const { id } of members) {
      group.volumeIds.delete(id);
    }
  }
}

interface Ends {
  readonly groups: readonly ProtectionGroupRecord[];
  readonly members: readonly VolumeRecord[];
}

function requireEnds(model: ArrayModel, query: Query): Ends {
  const { groups = [], members = [] } = pickEnds(model, query);
  if (groups.length === 0 || members.length === 0) {
    // Invented text.
    throw new ArrayRefusal("Groups and members are required.");
  }
  return { groups, members };
}

function pickEnds(
  model: ArrayModel,
  query: Query,
): { [end in keyof Ends]: Ends[end] | undefined } {
  return {
    groups: pickBy(
      model.protectionGroups,
      { names: query.list("group_names"), ids: query.list("group_ids") },
      "Protection group",
    ),
    members: pickBy(
      model.volumes,
      { names: query.list("member_names"), ids: query.list("member_ids") },
      "Volume",
    ),
  };
}

function memberItem(group: ProtectionGroupRecord, volume: VolumeRecord): Item {
  return {
    group: referenceItem(group),
    member: {
      ...referenceItem(volume),
      destroyed: volume.expiresAtMs !== null,
    },
  };
}
