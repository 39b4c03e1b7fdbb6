import type { ConnectionInfo } from "../volume-backend.ts";
import { scsiWwn } from "./scsi-wwn.ts";

/** What an instance needs to reach a volume over Fibre Channel. */
export interface FcConnection {
  readonly targetWwns: readonly string[];
  /** As the connector told them. */
  readonly initiatorWwpns: readonly string[];
  readonly lun: number;
  readonly serial: string;
}

/** Cinder's `connection_info`. Every initiator is told every target; which of them see one another is the fabric's matter. */
export function fcConnection({
  targetWwns,
  initiatorWwpns,
  lun,
  serial,
}: FcConnection): ConnectionInfo {
  return {
    driverVolumeType: "fibre_channel",
    data: {
      target_wwn: targetWwns,
      target_lun: lun,
      target_luns: targetWwns.map(() => lun),
      initiator_target_map: Object.fromEntries(
        initiatorWwpns.map((wwpn) => [wwpn, targetWwns]),
      ),
      discard: true,
      addressing_mode: "SAM2",
      wwn: scsiWwn(serial),
    },
  };
}
