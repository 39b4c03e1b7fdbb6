import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "../model/array-model.ts";
import {
  connect,
  type ConnectionOwner,
  disconnect,
  membersOf,
} from "../model/connections.ts";
import type { ConnectionRecord, HostRecord } from "../model/host-record.ts";
import type { VolumeRecord } from "../model/volume-record.ts";
import type { Call, Endpoint, Item, Query } from "../rest/endpoint.ts";
import { isAtLeast, type Version } from "../version.ts";
import { object, reference } from "./body-shapes.ts";
import { list, pagedListing, since } from "./parameters.ts";
import { pickBy } from "./pick-objects.ts";
import { referenceItem } from "./volume-item.ts";
import { withoutNulls } from "./without-nulls.ts";

const path = "connections";
const fieldsSince = { nsid: "2.27" } as const;
const ends = {
  host_group_names: list,
  host_names: list,
  volume_ids: since(list, "2.9"),
  volume_names: list,
};

/** `connections` of volumes with hosts and host groups. */
export function connectionEndpoints(model: ArrayModel): readonly Endpoint[] {
  return [
    {
      method: "GET",
      path,
      since: "2.0",
      query: {
        ...ends,
        protocol_endpoint_ids: since(list, "2.9"),
        protocol_endpoint_names: list,
      },
      listing: pagedListing,
      fieldsSince,
      handle: ({ query, version }) =>
        model.read(() => ({ items: listConnections(model, query, version) })),
    },
    {
      method: "POST",
      path,
      since: "2.0",
      query: ends,
      body: object({ lun: "integer", protocol_endpoint: reference }),
      isBodyOptional: true,
      fieldsSince,
      handle: (call) =>
        model.change(async () => ({ items: await post(model, call) })),
    },
    {
      method: "DELETE",
      path,
      since: "2.0",
      query: ends,
      handle: ({ query }) =>
        model.change(async () => {
          const { volumes, owners } = requireEnds(model, query);
          await disconnect(model, volumes, owners);
          return { items: [] };
        }),
    },
  ];
}

async function post(
  model: ArrayModel,
  { query, body, version }: Call,
): Promise<readonly Item[]> {
  const { lun, protocol_endpoint: endpoint } = withoutNulls(body) as {
    readonly lun?: number;
    readonly protocol_endpoint?: unknown;
  };
  if (endpoint !== undefined) {
    // Invented text: the simulator has no protocol endpoints.
    throw new ArrayRefusal("Protocol endpoint does not exist.");
  }
  const { volumes, owners } = requireEnds(model, query);
  const made = await connect(model, volumes, owners, lun);
  return made.flatMap((connection) => rowsOf(model, connection, version));
}

function listConnections(
  model: ArrayModel,
  query: Query,
  version: Version,
): readonly Item[] {
  const { volumes, hosts, groups } = pickEnds(model, query);
  const isPickedHost = new Set(hosts?.map(({ name }) => name));
  const isPickedGroup = new Set(groups?.map(({ id }) => id));
  const endpoints =
    query.list("protocol_endpoint_names") ??
    query.list("protocol_endpoint_ids");
  if (endpoints !== undefined) {
    // Modelled on the texts of other objects.
    throw new ArrayRefusal("Protocol endpoint does not exist.", endpoints[0]);
  }
  return model.connections
    .filter(
      ({ volumeId, owner }) =>
        (volumes?.some(({ id }) => id === volumeId) ?? true) &&
        (groups === undefined ||
          (owner.kind === "group" && isPickedGroup.has(owner.groupId))),
    )
    .flatMap((connection) => rowsOf(model, connection, version))
    .filter(
      ({ host }) =>
        hosts === undefined ||
        isPickedHost.has((host as { readonly name: string }).name),
    );
}

/** A shared connection is one row per member, and one without a host when there is none. */
function rowsOf(
  model: ArrayModel,
  connection: ConnectionRecord,
  version: Version,
): readonly Item[] {
  const { owner } = connection;
  if (owner.kind === "host") {
    const host = model.hosts.withId(owner.hostId);
    return [row(model, connection, host, null, version)];
  }
  const group = model.hostGroups.withId(owner.groupId)?.name ?? null;
  const members = membersOf(model, owner.groupId);
  return members.length === 0
    ? [row(model, connection, undefined, group, version)]
    : members.map((host) => row(model, connection, host, group, version));
}

/** Since 2.27 the number of an NVMe host is its `nsid`; before, every number is in `lun`. */
function row(
  model: ArrayModel,
  { volumeId, number }: ConnectionRecord,
  host: HostRecord | undefined,
  groupName: string | null,
  version: Version,
): Item {
  const isNvme = (host?.nqns.length ?? 0) > 0 && isAtLeast(version, "2.27");
  return {
    host: { name: host?.name ?? null },
    host_group: { name: groupName },
    lun: isNvme ? null : number,
    nsid: isNvme ? number : null,
    protocol_endpoint: referenceItem(undefined),
    volume: referenceItem(model.volumes.withId(volumeId)),
  };
}

/** Volumes on one side; hosts or groups on the other; only one side may be plural. */
function requireEnds(
  model: ArrayModel,
  query: Query,
): {
  volumes: readonly VolumeRecord[];
  owners: readonly ConnectionOwner[];
} {
  const { volumes = [], hosts, groups } = pickEnds(model, query);
  const owners: readonly ConnectionOwner[] = [
    ...(hosts ?? []).map((host) => ({ kind: "host", host }) as const),
    ...(groups ?? []).map((group) => ({ kind: "group", group }) as const),
  ];
  const isBoth = hosts !== undefined && groups !== undefined;
  const isPlural = volumes.length > 1 && owners.length > 1;
  if (volumes.length === 0 || owners.length === 0 || isBoth || isPlural) {
    // Invented text.
    throw new ArrayRefusal(
      "Volumes and hosts or host groups are required, only one of them in the plural.",
    );
  }
  return { volumes, owners };
}

function pickEnds(
  model: ArrayModel,
  query: Query,
): {
  volumes: readonly VolumeRecord[] | undefined;
  hosts: readonly HostRecord[] | undefined;
  groups: ReturnType<ArrayModel["hostGroups"]["all"]> | undefined;
} {
  return {
    volumes: pickBy(
      model.volumes,
      { names: query.list("volume_names"), ids: query.list("volume_ids") },
      "Volume",
    ),
    hosts: pickBy(model.hosts, { names: query.list("host_names") }, "Host"),
    groups: pickBy(
      model.hostGroups,
      { names: query.list("host_group_names") },
      "Host group",
    ),
  };
}
