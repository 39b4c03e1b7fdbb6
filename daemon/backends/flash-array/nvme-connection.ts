import type { ConnectionInfo } from "../volume-backend.ts";
import type { NvmeSubsystem } from "./target-ports.ts";

/** What an instance needs to reach a volume over NVMe/TCP. */
export interface NvmeConnection {
  readonly subsystem: NvmeSubsystem;
  readonly serial: string;
  readonly hostNqn: string;
}

/** Cinder's `connection_info`. The device is found by its NGUID, so the namespace id is not told. */
export function nvmeConnection({
  subsystem: { nqn, portals },
  serial,
  hostNqn,
}: NvmeConnection): ConnectionInfo {
  return {
    driverVolumeType: "nvmeof",
    data: {
      target_nqn: nqn,
      portals: portals.map(([address, port]) => [address, port, "tcp"]),
      volume_nguid: nguid(serial),
      discard: true,
      host_nqn: hostNqn,
    },
  };
}

/** The vendor's number stands within the serial (Cinder and LXD compute the same). */
function nguid(serial: string): string {
  return `00${serial.slice(0, 14)}24a937${serial.slice(14, 24)}`.toLowerCase();
}
