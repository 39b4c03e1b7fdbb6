import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "../model/array-model.ts";
import { connectionsSeenBy } from "../model/connections.ts";
import type { HostGroupRecord, HostRecord } from "../model/host-record.ts";
import { changeHosts, createHosts, deleteHosts } from "../model/hosts.ts";
import type { Answer, Endpoint, Item, Query } from "../rest/endpoint.ts";
import type { Version } from "../version.ts";
import { arrayOf, object, reference } from "./body-shapes.ts";
import { type HostBody, readHostChange, readNewHost } from "./host-body.ts";
import { boolean, list, pagedListing, since } from "./parameters.ts";
import { newNames, pickListed, pickWritten } from "./pick-objects.ts";
import { spaceItem, spaceSince } from "./space-item.ts";
import { withoutNulls } from "./without-nulls.ts";

const path = "hosts";
const kind = "Host";
const fieldsSince: Readonly<Record<string, Version>> = {
  ...spaceSince("other"),
  destroyed: "2.36",
  time_remaining: "2.36",
  vlan: "2.16",
};
const names = arrayOf("string");
const newHost = {
  chap: object({
    host_password: "string",
    host_user: "string",
    target_password: "string",
    target_user: "string",
  }),
  iqns: names,
  nqns: names,
  personality: "string",
  preferred_arrays: arrayOf(reference),
  vlan: ["string", "2.16"],
  wwns: names,
} as const;

/** `hosts`: list, make, change, delete for good. */
export function hostEndpoints(model: ArrayModel): readonly Endpoint[] {
  return [
    listing(model),
    {
      method: "POST",
      path,
      since: "2.0",
      query: { names: list },
      body: object(newHost),
      fieldsSince,
      handle: ({ query, body }) =>
        model.change(() => {
          const fields = readNewHost(withoutNulls(body) as HostBody);
          const made = createHosts(model, newNames(query), fields);
          return { items: made.map((host) => hostItem(model, host)) };
        }),
    },
    {
      method: "PATCH",
      path,
      since: "2.0",
      query: { names: list },
      body: object({
        ...newHost,
        add_iqns: names,
        add_nqns: names,
        add_wwns: names,
        host_group: object({ name: "string" }),
        name: "string",
        remove_iqns: names,
        remove_nqns: names,
        remove_wwns: names,
      }),
      fieldsSince,
      handle: ({ query, body }) =>
        model.change(() =>
          patchHosts(model, query, withoutNulls(body) as HostBody),
        ),
    },
    {
      method: "DELETE",
      path,
      since: "2.0",
      query: { names: list },
      handle: ({ query }) =>
        model.change(async () => {
          await deleteHosts(model, pickWritten(model.hosts, query, kind));
          return { items: [] };
        }),
    },
  ];
}

function listing(model: ArrayModel): Endpoint {
  return {
    method: "GET",
    path,
    since: "2.0",
    query: { destroyed: since(boolean, "2.36"), names: list },
    listing: pagedListing,
    fieldsSince,
    handle: ({ query }) =>
      model.read(() => ({
        items: pickListed(model.hosts, query, kind).map((host) =>
          hostItem(model, host),
        ),
      })),
  };
}

async function patchHosts(
  model: ArrayModel,
  query: Query,
  body: HostBody,
): Promise<Answer> {
  const hosts = pickWritten(model.hosts, query, kind);
  const group = groupOf(model, body);
  await changeHosts(
    model,
    hosts.map((host) => ({ host, fields: readHostChange(host, body), group })),
  );
  return { items: hosts.map((host) => hostItem(model, host)) };
}

/** An empty name of a group takes the host out of its group. */
function groupOf(
  model: ArrayModel,
  { host_group: wanted }: HostBody,
): HostGroupRecord | null | undefined {
  const name = wanted?.name;
  if (name === undefined || name === "") {
    return name === undefined ? undefined : null;
  }
  const group = model.hostGroups.named(name);
  if (group === undefined) {
    throw new ArrayRefusal("Host group does not exist.", name);
  }
  return group;
}

function hostItem(model: ArrayModel, host: HostRecord): Item {
  const seen = connectionsSeenBy(model.connections, host);
  const provisioned = seen.reduce(
    (sum, { volumeId }) =>
      sum + (model.volumes.withId(volumeId)?.provisioned ?? 0),
    0,
  );
  const masked = (password: string | null): string | null =>
    password === null ? null : "****";
  return {
    name: host.name,
    chap: {
      host_password: masked(host.chap.host_password),
      host_user: host.chap.host_user,
      target_password: masked(host.chap.target_password),
      target_user: host.chap.target_user,
    },
    connection_count: seen.length,
    destroyed: false,
    host_group: {
      name: model.hostGroups.withId(host.groupId ?? "")?.name ?? null,
    },
    iqns: host.iqns,
    is_local: true,
    nqns: host.nqns,
    personality: host.personality,
    port_connectivity: { details: "None", status: "critical" },
    preferred_arrays: host.preferredArrays.map((name) => ({
      id: name === model.settings.arrayName ? model.id : null,
      name,
    })),
    space: spaceItem(model, "other", provisioned),
    time_remaining: null,
    vlan: host.vlan,
    wwns: host.wwns,
  };
}
