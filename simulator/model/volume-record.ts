/** A tag of a volume; key and namespace are its identity. */
export interface Tag {
  readonly key: string;
  readonly value: string;
  readonly namespace: string;
  readonly copyable: boolean;
}

/** Limits of a volume or volume group, null when there is none. */
export interface Qos {
  readonly bandwidth_limit: number | null;
  readonly iops_limit: number | null;
}

/** What raises or lowers a priority: `+`, `-` or `=` and a value. */
export interface PriorityAdjustment {
  readonly priority_adjustment_operator: string;
  readonly priority_adjustment_value: number;
}

/** A volume: `name` is the full one, with pod and group. */
export interface VolumeRecord {
  readonly id: string;
  readonly serial: string;
  readonly createdMs: number;
  name: string;
  provisioned: number;
  /** The volume it was copied from, which may be gone. */
  sourceId: string | null;
  /** Null while it lives, otherwise when the array eradicates it. */
  expiresAtMs: number | null;
  qos: Qos;
  priorityAdjustment: PriorityAdjustment;
  tags: readonly Tag[];
}

/** A snapshot, named `<volume>.<suffix>`; it goes with its volume. */
export interface SnapshotRecord {
  readonly id: string;
  readonly serial: string;
  readonly volumeId: string;
  readonly createdMs: number;
  readonly provisioned: number;
  suffix: string;
  expiresAtMs: number | null;
  /** It was destroyed with its volume, and is recovered with it. */
  isDestroyedWithVolume: boolean;
}
