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
    checkHost(model, host);
  }
  for (const host of made) {
    model.hosts.add(host);
  }
  return made;
}

/** Changes a host; the data plane learns of it first. */
export async function changeHost(
  model: ArrayModel,
  host: HostRecord,
  change: Partial<HostFields> & { readonly name?: string },
): Promise<void> {
  const after: HostRecord = { ...host, ...change };
  if (change.name !== undefined) {
    checkPart("Host", change.name);
    const taken = model.hosts.named(change.name);
    if (taken !== undefined && taken !== host) {
      throw new ArrayRefusal("Host already exists.", change.name);
    }
  }
  checkHost(model, after);
  const seen = connectionsSeenBy(model.connections, host);
  if (seen.length > 0) {
    await changeAccess(model, host, after, seen);
  }
  model.hosts.rename(host, after.name);
  Object.assign(host, after);
}

/** Removes a host that sees no volume; there is no way back. */
export async function deleteHost(
  model: ArrayModel,
  host: HostRecord,
): Promise<void> {
  if (connectionsSeenBy(model.connections, host).length > 0) {
    throw new ArrayRefusal(
      "Host cannot be deleted due to existing connections.",
      host.name,
    );
  }
  await model.dataPlane.removeHost(host.name);
  model.hosts.remove(host);
}

/** Puts hosts into a group; they see its volumes from then on. */
export async function joinGroup(
  model: ArrayModel,
  group: HostGroupRecord,
  hosts: readonly HostRecord[],
): Promise<void> {
  const shared = sharedOf(model, group.id);
  for (const host of hosts) {
    if (host.groupId !== null) {
      throw new ArrayRefusal(
        "Host already belongs to a host group.",
        host.name,
      );
    }
    const own = connectionsSeenBy(model.connections, host);
    const isTwice = own.some((one) =>
      shared.some(
        (other) =>
          other.number === one.number || other.volumeId === one.volumeId,
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
  const joined = hosts.map((host) => ({ ...host, groupId: group.id }));
  await publish(model, joined, shared);
  for (const host of hosts) {
    host.groupId = group.id;
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

function checkHost(model: ArrayModel, host: HostRecord): void {
  checkOneProtocol(host);
  checkInitiators(model, host);
  checkChap(host);
}
