import type { ConnectionInfo } from "../volume-backend.ts";
import { scsiWwn } from "./scsi-wwn.ts";
import type { IscsiPortal } from "./target-ports.ts";

/** What an instance needs to reach a volume over iSCSI. */
export interface IscsiConnection {
  readonly portals: readonly IscsiPortal[];
  readonly lun: number;
  readonly serial: string;
  readonly chap: { readonly user: string; readonly password: string } | null;
}

/** Cinder's `connection_info`: one entry of each array for each way to the volume. SAM2 is for LUNs above 255. */
export function iscsiConnection({
  portals,
  lun,
  serial,
  chap,
}: IscsiConnection): ConnectionInfo {
  return {
    driverVolumeType: "iscsi",
    data: {
      target_discovered: false,
      target_luns: portals.map(() => lun),
      target_iqns: portals.map(({ iqn }) => iqn),
      target_portals: portals.map(({ portal }) => portal),
      discard: true,
      addressing_mode: "SAM2",
      wwn: scsiWwn(serial),
      ...(chap === null
        ? {}
        : {
            auth_method: "CHAP",
            auth_username: chap.user,
            auth_password: chap.password,
          }),
    },
  };
}
