import type { HostAccess } from "../data-plane/data-plane.ts";
import type { ArrayModel } from "./array-model.ts";
import type { ConnectionRecord, HostRecord } from "./host-record.ts";

/** One volume for one host, as the data plane knows it. */
interface Path {
  readonly host: HostRecord;
  readonly connection: ConnectionRecord;
}

/** Publishes connections to those of `hosts` that see them; what was published goes back when one fails. */
export async function publish(
  model: ArrayModel,
  hosts: readonly HostRecord[],
  connections: readonly ConnectionRecord[],
): Promise<void> {
  const done: Path[] = [];
  try {
    for (const path of pathsOf(hosts, connections)) {
      await model.dataPlane.setHost(accessOf(path.host));
      await connectPath(model, path);
      done.push(path);
    }
  } catch (error) {
    await Promise.allSettled(
      done.map(({ host, connection }) =>
        model.dataPlane.disconnect(host.name, connection.volumeId),
      ),
    );
    throw error;
  }
}

/** Takes connections back from those of `hosts` that see them; what was taken is published again when one fails. */
export async function withdraw(
  model: ArrayModel,
  hosts: readonly HostRecord[],
  connections: readonly ConnectionRecord[],
): Promise<void> {
  const done: Path[] = [];
  try {
    for (const path of pathsOf(hosts, connections)) {
      await model.dataPlane.disconnect(
        path.host.name,
        path.connection.volumeId,
      );
      done.push(path);
    }
  } catch (error) {
    await Promise.allSettled(done.map((path) => connectPath(model, path)));
    throw error;
  }
}

/** Tells the data plane what a host is after a change of names, initiators or account. */
export async function changeAccess(
  model: ArrayModel,
  before: HostRecord,
  after: HostRecord,
  connections: readonly ConnectionRecord[],
): Promise<void> {
  const isSameAccess =
    before.name === after.name && isReachable(before) && isReachable(after);
  if (isSameAccess) {
    await model.dataPlane.setHost(accessOf(after));
    return;
  }
  await withdraw(model, [before], connections);
  if (isReachable(before)) {
    await model.dataPlane.removeHost(before.name);
  }
  try {
    await publish(model, [after], connections);
  } catch (error) {
    await publish(model, [before], connections);
    throw error;
  }
}

/** The data plane knows hosts by iSCSI only: those of NVMe and FC have no path to it. */
function isReachable({ iqns }: HostRecord): boolean {
  return iqns.length > 0;
}

function pathsOf(
  hosts: readonly HostRecord[],
  connections: readonly ConnectionRecord[],
): readonly Path[] {
  return hosts
    .filter(isReachable)
    .flatMap((host) =>
      connections
        .filter(({ owner }) =>
          owner.kind === "host"
            ? owner.hostId === host.id
            : owner.groupId === host.groupId,
        )
        .map((connection) => ({ host, connection })),
    );
}

async function connectPath(
  model: ArrayModel,
  { host, connection: { volumeId, number } }: Path,
): Promise<void> {
  await model.dataPlane.connect({
    hostName: host.name,
    volumeId,
    serial: model.volumes.withId(volumeId)?.serial ?? "",
    lun: number,
  });
}

function accessOf({ name, iqns, chap }: HostRecord): HostAccess {
  const { host_user: user, host_password: password } = chap;
  return {
    hostName: name,
    iqns,
    chap: user === null || password === null ? null : { user, password },
  };
}
