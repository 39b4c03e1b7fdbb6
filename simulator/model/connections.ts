import { ArrayRefusal } from "../array-refusal.ts";
import type { ArrayModel } from "./array-model.ts";
import { checkLive } from "./find-volume.ts";
import { publish, withdraw } from "./host-access.ts";
import type {
  ConnectionRecord,
  HostGroupRecord,
  HostRecord,
} from "./host-record.ts";
import type { VolumeRecord } from "./volume-record.ts";

/** Whom a volume is connected to. */
export type ConnectionOwner =
  | { readonly kind: "host"; readonly host: HostRecord }
  | { readonly kind: "group"; readonly group: HostGroupRecord };

const highestNumber = 4095;

/** Connects each volume with each owner; a number is given by the caller or by the array's rules. */
export async function connect(
  model: ArrayModel,
  volumes: readonly VolumeRecord[],
  owners: readonly ConnectionOwner[],
  number: number | undefined,
): Promise<readonly ConnectionRecord[]> {
  const made: ConnectionRecord[] = [];
  for (const owner of owners) {
    for (const volume of volumes) {
      checkLive(volume);
      checkUnconnected(model, volume, owner);
      made.push({
        volumeId: volume.id,
        owner: ownerOf(owner),
        number: chosenNumber(model, owner, made, number),
      });
    }
  }
  checkHostLimit(model, made);
  await publish(model, model.hosts.all(), made);
  model.addConnections(made);
  return made;
}

/** Takes connections back; each must exist. */
export async function disconnect(
  model: ArrayModel,
  volumes: readonly VolumeRecord[],
  owners: readonly ConnectionOwner[],
): Promise<void> {
  const removed = owners.flatMap((owner) =>
    volumes.map((volume) => {
      const found = connectionOf(model, volume, owner);
      if (found === undefined) {
        throw new ArrayRefusal("Connection does not exist.", volume.name);
      }
      return found;
    }),
  );
  await withdraw(model, model.hosts.all(), removed);
  model.removeConnections(removed);
}

/** Connections that a host sees: its own and those of its group. */
export function connectionsSeenBy(
  connections: readonly ConnectionRecord[],
  host: HostRecord,
): readonly ConnectionRecord[] {
  return connections.filter(({ owner }) =>
    owner.kind === "host"
      ? owner.hostId === host.id
      : owner.groupId === host.groupId,
  );
}

/** Hosts that belong to a group. */
export function membersOf(
  model: ArrayModel,
  groupId: string,
): readonly HostRecord[] {
  return model.hosts.all().filter((host) => host.groupId === groupId);
}

function ownerOf(owner: ConnectionOwner): ConnectionRecord["owner"] {
  return owner.kind === "host"
    ? { kind: "host", hostId: owner.host.id }
    : { kind: "group", groupId: owner.group.id };
}

function connectionOf(
  model: ArrayModel,
  volume: VolumeRecord,
  owner: ConnectionOwner,
): ConnectionRecord | undefined {
  return model.connections.find(
    (connection) =>
      connection.volumeId === volume.id &&
      (owner.kind === "host"
        ? connection.owner.kind === "host" &&
          connection.owner.hostId === owner.host.id
        : connection.owner.kind === "group" &&
          connection.owner.groupId === owner.group.id),
  );
}

/** A volume is for a host once: by itself or through its group. */
function checkUnconnected(
  model: ArrayModel,
  volume: VolumeRecord,
  owner: ConnectionOwner,
): void {
  const hosts =
    owner.kind === "host" ? [owner.host] : membersOf(model, owner.group.id);
  const isSeen = hosts.some((host) =>
    connectionsSeenBy(model.connections, host).some(
      ({ volumeId }) => volumeId === volume.id,
    ),
  );
  if (isSeen || connectionOf(model, volume, owner) !== undefined) {
    throw new ArrayRefusal("Connection already exists.", volume.name);
  }
}

/** Private ones take the lowest free number, shared ones count down from 254 to 1 and then up from 255. */
function chosenNumber(
  model: ArrayModel,
  owner: ConnectionOwner,
  made: readonly ConnectionRecord[],
  wanted: number | undefined,
): number {
  const used = usedNumbers([...model.connections, ...made], model, owner);
  if (wanted !== undefined) {
    if (wanted < 1 || wanted > highestNumber) {
      // Invented text.
      throw new ArrayRefusal(`LUN must be between 1 and ${highestNumber}.`);
    }
    if (used.has(wanted)) {
      // Invented text.
      throw new ArrayRefusal("LUN is already in use.", nameOf(owner));
    }
    return wanted;
  }
  const candidates = Array.from({ length: highestNumber }, (_, index) => {
    const isCountedDown = owner.kind === "group" && index < 254;
    return isCountedDown ? 254 - index : index + 1;
  });
  const free = candidates.find((candidate) => !used.has(candidate));
  if (free === undefined) {
    // Invented text.
    throw new ArrayRefusal("LUN limit reached.", nameOf(owner));
  }
  return free;
}

function usedNumbers(
  connections: readonly ConnectionRecord[],
  model: ArrayModel,
  owner: ConnectionOwner,
): ReadonlySet<number> {
  const seen =
    owner.kind === "host"
      ? connectionsSeenBy(connections, owner.host)
      : [
          ...connections.filter(
            (c) =>
              c.owner.kind === "group" && c.owner.groupId === owner.group.id,
          ),
          ...membersOf(model, owner.group.id).flatMap((host) =>
            connectionsSeenBy(connections, host),
          ),
        ];
  return new Set(seen.map(({ number }) => number));
}

function checkHostLimit(
  model: ArrayModel,
  made: readonly ConnectionRecord[],
): void {
  const limit = model.settings.maxConnectionsPerHost;
  const over = model.hosts
    .all()
    .find(
      (host) =>
        connectionsSeenBy(made, host).length > 0 &&
        connectionsSeenBy([...model.connections, ...made], host).length > limit,
    );
  if (limit > 0 && over !== undefined) {
    // Invented text.
    throw new ArrayRefusal("Connections per host limit reached.", over.name);
  }
}

function nameOf(owner: ConnectionOwner): string {
  return owner.kind === "host" ? owner.host.name : owner.group.name;
}
