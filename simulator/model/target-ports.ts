import type { ArrayModel } from "./array-model.ts";

/** A port that hosts log in to. */
export interface TargetPort {
  /** As `GET /ports` has it, such as `CT0.ETH4`. */
  readonly name: string;
  readonly protocol: "iscsi" | "nvme-tcp" | "scsi-fc";
  /** iSCSI and NVMe qualified name, or the WWN with colons. */
  readonly target: string;
  /** `address:port`, null for FC. */
  readonly portal: string | null;
}

const perController = 2;

/** All target ports, by name: those of the data plane, and an NVMe and FC set that nobody answers on. */
export function targetPorts(model: ArrayModel): readonly TargetPort[] {
  return [
    ...iscsiPorts(model),
    ...nvmePorts(model),
    ...fcPorts(model),
  ].toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** One IQN for all; without portals of the data plane, addresses that are reserved for documents. */
function iscsiPorts(model: ArrayModel): readonly TargetPort[] {
  const { portals, iqn } = model.dataPlane;
  const known =
    portals.length > 0
      ? portals
      : addresses("192.0.2", 133).map((address) => `${address}:3260`);
  return known.map((portal, index) => ({
    name: `CT${index % perController}.ETH${4 + Math.floor(index / perController)}`,
    protocol: "iscsi",
    target: iqn,
    portal,
  }));
}

/** One NQN for all, which ends like the IQN. */
function nvmePorts(model: ArrayModel): readonly TargetPort[] {
  const suffix =
    /flasharray\.[0-9a-f]+$/u.exec(model.dataPlane.iqn)?.[0] ??
    `flasharray.${model.id.replaceAll("-", "").slice(0, 16)}`;
  return addresses("198.51.100", 140).map((address, index) => ({
    name: `CT${index % perController}.ETH${14 + Math.floor(index / perController)}`,
    protocol: "nvme-tcp",
    target: `nqn.2010-06.com.purestorage:${suffix}`,
    portal: `${address}:4420`,
  }));
}

function fcPorts({ id }: ArrayModel): readonly TargetPort[] {
  const tail = id.replaceAll("-", "").slice(0, 6).toUpperCase();
  const middle = `${tail.slice(0, 2)}:${tail.slice(2, 4)}:${tail.slice(4, 6)}`;
  return [0, 1].flatMap((controller) =>
    [0, 1].map((port) => ({
      name: `CT${controller}.FC${port}`,
      protocol: "scsi-fc" as const,
      target: `52:4A:93:7${middle.slice(0, 1)}:${middle}:${controller}${port}`,
      portal: null,
    })),
  );
}

function addresses(network: string, first: number): readonly string[] {
  return [0, 1, 2, 3].map((offset) => `${network}.${first + offset}`);
}
