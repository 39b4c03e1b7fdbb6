import { randomUUID } from "node:crypto";
import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "../model/array-model.ts";
import { membersOf } from "../model/connections.ts";
import type { HostGroupRecord, HostRecord } from "../model/host-record.ts";
import { deleteGroup, joinGroup, leaveGroup } from "../model/hosts.ts";
import { checkPart } from "../model/object-names.ts";
import type { Endpoint, Item, Query } from "../rest/endpoint.ts";
import { object } from "./body-shapes.ts";
import { boolean, list, pagedListing, since } from "./parameters.ts";
import { newNames, pickBy, pickListed, pickWritten } from "./pick-objects.ts";
import { spaceItem, spaceSince } from "./space-item.ts";
import { withoutNulls } from "./without-nulls.ts";

const path = "host-groups";
const kind = "Host group";
const fieldsSince = {
  ...spaceSince("other"),
  destroyed: "2.36",
  time_remaining: "2.36",
} as const;

/** `host-groups`, and the hosts in them by either path. */
export function hostGroupEndpoints(model: ArrayModel): readonly Endpoint[] {
  return [
    {
      method: "GET",
      path,
      since: "2.0",
      query: { destroyed: since(boolean, "2.36"), names: list },
      listing: pagedListing,
      fieldsSince,
      handle: ({ query }) =>
        model.read(() => ({
          items: pickListed(model.hostGroups, query, kind).map((group) =>
            groupItem(model, group),
          ),
        })),
    },
    {
      method: "POST",
      path,
      since: "2.0",
      query: { names: list },
      fieldsSince,
      handle: ({ query }) =>
        model.change(() => ({ items: makeGroups(model, newNames(query)) })),
    },
    {
      method: "PATCH",
      path,
      since: "2.0",
      query: { names: list },
      body: object({ name: "string" }),
      fieldsSince,
      handle: ({ query, body }) =>
        model.change(() => {
          const groups = pickWritten(model.hostGroups, query, kind);
          const { name } = withoutNulls(body) as { readonly name?: string };
          for (const group of groups) {
            renameGroup(model, group, name);
          }
          return { items: groups.map((group) => groupItem(model, group)) };
        }),
    },
    {
      method: "DELETE",
      path,
      since: "2.0",
      query: { names: list },
      handle: ({ query }) =>
        model.change(() => {
          for (const group of pickWritten(model.hostGroups, query, kind)) {
            deleteGroup(model, group);
          }
          return { items: [] };
        }),
    },
    ...memberEndpoints(model, "host-groups/hosts"),
    ...memberEndpoints(model, "hosts/host-groups"),
  ];
}

function memberEndpoints(
  model: ArrayModel,
  memberPath: string,
): readonly Endpoint[] {
  const common = {
    path: memberPath,
    since: "2.0",
    query: { group_names: list, member_names: list },
  } as const;
  return [
    {
      ...common,
      method: "GET",
      listing: pagedListing,
      handle: ({ query }) =>
        model.read(() => ({ items: listMembers(model, query) })),
    },
    {
      ...common,
      method: "POST",
      handle: ({ query }) =>
        model.change(async () => {
          const { group, hosts } = oneGroup(model, query);
          await joinGroup(model, group, hosts);
          return { items: hosts.map((host) => memberItem(group, host)) };
        }),
    },
    {
      ...common,
      method: "DELETE",
      handle: ({ query }) =>
        model.change(async () => {
          const { group, hosts } = oneGroup(model, query);
          await leaveGroup(model, group, hosts);
          return { items: [] };
        }),
    },
  ];
}

function listMembers(model: ArrayModel, query: Query): readonly Item[] {
  const { groups, hosts } = pickMembers(model, query);
  return (groups ?? model.hostGroups.all()).flatMap((group) =>
    membersOf(model, group.id)
      .filter((host) => hosts?.includes(host) ?? true)
      .map((host) => memberItem(group, host)),
  );
}

function oneGroup(
  model: ArrayModel,
  query: Query,
): { group: HostGroupRecord; hosts: readonly HostRecord[] } {
  const { groups = [], hosts = [] } = pickMembers(model, query);
  const [group] = groups;
  if (group === undefined || groups.length > 1 || hosts.length === 0) {
    // Invented text.
    throw new ArrayRefusal("One group and at least one host are required.");
  }
  return { group, hosts };
}

function pickMembers(
  model: ArrayModel,
  query: Query,
): {
  groups: readonly HostGroupRecord[] | undefined;
  hosts: readonly HostRecord[] | undefined;
} {
  return {
    groups: pickBy(
      model.hostGroups,
      { names: query.list("group_names") },
      kind,
    ),
    hosts: pickBy(model.hosts, { names: query.list("member_names") }, "Host"),
  };
}

function makeGroups(
  model: ArrayModel,
  names: readonly string[],
): readonly Item[] {
  for (const name of names) {
    checkName(model, name);
  }
  return names.map((name) => {
    const group: HostGroupRecord = { id: randomUUID(), name };
    model.hostGroups.add(group);
    return groupItem(model, group);
  });
}

function renameGroup(
  model: ArrayModel,
  group: HostGroupRecord,
  name: string | undefined,
): void {
  if (name !== undefined) {
    checkName(model, name, group);
    model.hostGroups.rename(group, name);
  }
}

function checkName(
  model: ArrayModel,
  name: string,
  except?: HostGroupRecord,
): void {
  checkPart(kind, name);
  const taken = model.hostGroups.named(name);
  if (taken !== undefined && taken !== except) {
    throw new ArrayRefusal("Host group already exists.", name);
  }
}

function groupItem(model: ArrayModel, group: HostGroupRecord): Item {
  const shared = model.connections.filter(
    ({ owner }) => owner.kind === "group" && owner.groupId === group.id,
  );
  const provisioned = shared.reduce(
    (sum, { volumeId }) =>
      sum + (model.volumes.withId(volumeId)?.provisioned ?? 0),
    0,
  );
  return {
    name: group.name,
    connection_count: shared.length,
    destroyed: false,
    host_count: membersOf(model, group.id).length,
    is_local: true,
    space: spaceItem(model, "other", provisioned),
    time_remaining: null,
  };
}

function memberItem(group: HostGroupRecord, host: HostRecord): Item {
  return { group: { name: group.name }, member: { name: host.name } };
}
