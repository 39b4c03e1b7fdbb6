import type { PriorityAdjustment, Qos } from "./volume-record.ts";

/** A volume group; the name of one in a pod begins with the pod's. */
export interface VolumeGroupRecord {
  readonly id: string;
  name: string;
  expiresAtMs: number | null;
  qos: Qos;
  priorityAdjustment: PriorityAdjustment;
}

/** A pod that is not stretched. */
export interface PodRecord {
  readonly id: string;
  name: string;
  expiresAtMs: number | null;
  /** Null is no limit. */
  quotaLimit: number | null;
  mediator: string;
  isPromoted: boolean;
  /** Full names of the groups that new volumes of the pod join. */
  defaultProtection: readonly string[];
}

/** A protection group of volumes. */
export interface ProtectionGroupRecord {
  readonly id: string;
  name: string;
  retentionLock: "ratcheted" | "unlocked";
  readonly volumeIds: Set<string>;
}
