import { randomUUID } from "node:crypto";
import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "./array-model.ts";
import { connectionsSeenBy, membersOf } from "./connections.ts";
import { changeAccess, publish, withdraw } from "./host-access.ts";
import type { HostGroupRecord, HostRecord } from "./host-record.ts";
import { checkChap, checkInitiators, checkOneProtocol } from "./host-rules.ts";
import { checkPart } from "./object-names.ts";

/** What a host is made with or becomes. */
export type HostFields = Omit<HostRecord, "id" | "name" | "groupId">;

/** Makes hosts; none has an initiator of another. */
export function createHosts(
  model: ArrayModel,
  names: readonly string[],
  fields: HostFields,
): readonly HostRecord[] {
  const made = names.map((name) => {
    checkPart("Host", name);
    if (model.hosts.named(name) !== undefined) {
      throw new ArrayRefusal("Host already exists.", name);
    }
    return { id: randomUUID(), name, groupId: null, ...fields };
  });
  const initiators = [...fields.iqns, ...fields.nqns, ...fields.wwns];
  if (names.length > 1 && initiators.length > 0) {
    // Invented text.
    throw new ArrayRefusal("Initiators are already in use.", names[1]);
  }
  for (const host of made) {
    checkHost(host, model.hosts.all());
  }
  for (const host of made) {
    model.hosts.add(host);
  }
  return made;
}

/** What `PATCH /hosts` makes of one host. */
export interface HostChange {
  readonly host: HostRecord;
  readonly fields: HostFields & { readonly name: string };
  /** Null takes it out of its group, undefined leaves it where it is. */
  readonly group: HostGroupRecord | null | undefined;
}

/** Changes hosts; all are checked before the first is changed, and the data plane learns of each first. */
export async function changeHosts(
  model: ArrayModel,
  changes: readonly HostChange[],
): Promise<void> {
  checkNames(model, changes);
  const changed = changes.map(({ host, fields }) => ({ ...host, ...fields }));
  const others = model.hosts
    .all()
    .filter((host) => !changes.some((change) => change.host === host));
  for (const after of changed) {
    checkHost(after, [...others, ...changed]);
  }
  for (const { host, group } of changes) {
    if (group !== null && group !== undefined && group.id !== host.groupId) {
      checkJoin(model, group, { ...host, groupId: null });
    }
  }
  for (const change of changes) {
    await changeHost(model, change);
  }
}

function checkNames(model: ArrayModel, changes: readonly HostChange[]): void {
  for (const { host, fields } of changes) {
    if (fields.name === host.name) {
      continue;
    }
    checkPart("Host", fields.name);
    if (changes.length > 1) {
      // Invented text.
      throw new ArrayRefusal("Only one host can be renamed.", fields.name);
    }
    const taken = model.hosts.named(fields.name);
    if (taken !== undefined && taken !== host) {
      throw new ArrayRefusal("Host already exists.", fields.name);
    }
  }
}

async function changeHost(
  model: ArrayModel,
  { host, fields, group }: HostChange,
): Promise<void> {
  const after: HostRecord = { ...host, ...fields };
  const seen = connectionsSeenBy(model.connections, host);
  if (seen.length > 0) {
    await changeAccess(model, host, after, seen);
  }
  model.hosts.rename(host, after.name);
  Object.assign(host, after);
  const current = model.hostGroups.withId(host.groupId ?? "");
  if (group === undefined || group === (current ?? null)) {
    return;
  }
  if (current !== undefined) {
    await leaveGroup(model, current, [host]);
  }
  if (group !== null) {
    await joinGroup(model, group, [host]);
  }
}

/** Removes hosts that see no volume, all or none of them; there is no way back. */
export async function deleteHosts(
  model: ArrayModel,
  hosts: readonly HostRecord[],
): Promise<void> {
  const used = hosts.find(
    (host) => connectionsSeenBy(model.connections, host).length > 0,
  );
  if (used !== undefined) {
    throw new ArrayRefusal(
      "Host cannot be deleted due to existing connections.",
      used.name,
    );
  }
  for (const host of hosts) {
    await model.dataPlane.removeHost(host.name);
    model.hosts.remove(host);
  }
}

/** Puts hosts into a group; they see its volumes from then on. */
export async function joinGroup(
  model: ArrayModel,
  group: HostGroupRecord,
  hosts: readonly HostRecord[],
): Promise<void> {
  for (const host of hosts) {
    checkJoin(model, group, host);
  }
  const joined = hosts.map((host) => ({ ...host, groupId: group.id }));
  await publish(model, joined, sharedOf(model, group.id));
  for (const host of hosts) {
    host.groupId = group.id;
  }
}

function checkJoin(
  model: ArrayModel,
  group: HostGroupRecord,
  host: HostRecord,
): void {
  if (host.groupId !== null) {
    throw new ArrayRefusal("Host already belongs to a host group.", host.name);
  }
  const shared = sharedOf(model, group.id);
  const isTwice = connectionsSeenBy(model.connections, host).some((one) =>
    shared.some(
      (other) => other.number === one.number || other.volumeId === one.volumeId,
    ),
  );
  if (isTwice) {
    // Invented text.
    throw new ArrayRefusal(
      "Host has a volume or LUN that is already in use by the host group.",
      host.name,
    );
  }
}

/** Takes hosts out of a group, and its volumes away from them. */
export async function leaveGroup(
  model: ArrayModel,
  group: HostGroupRecord,
  hosts: readonly HostRecord[],
): Promise<void> {
  const stranger = hosts.find(({ groupId }) => groupId !== group.id);
  if (stranger !== undefined) {
    // Invented text.
    throw new ArrayRefusal(
      "Host does not belong to the host group.",
      stranger.name,
    );
  }
  await withdraw(model, hosts, sharedOf(model, group.id));
  for (const host of hosts) {
    host.groupId = null;
  }
}

/** Removes an empty group without connections. */
export function deleteGroup(model: ArrayModel, group: HostGroupRecord): void {
  const isUsed =
    sharedOf(model, group.id).length > 0 ||
    membersOf(model, group.id).length > 0;
  if (isUsed) {
    throw new ArrayRefusal(
      // Modelled on the text of hosts.
      "Host group cannot be deleted due to existing connections or hosts.",
      group.name,
    );
  }
  model.hostGroups.remove(group);
}

function sharedOf(
  model: ArrayModel,
  groupId: string,
): ArrayModel["connections"] {
  return model.connections.filter(
    ({ owner }) => owner.kind === "group" && owner.groupId === groupId,
  );
}

function checkHost(host: HostRecord, all: readonly HostRecord[]): void {
  checkOneProtocol(host);
  checkInitiators(host, all);
  checkChap(host);
}
