/** A protection group that new volumes join by default. */
export interface DefaultProtection {
  readonly name: string;
  /** `ratcheted`: members cannot be taken out nor eradicated. */
  readonly retentionLock?: "ratcheted" | "unlocked";
}

/** Switches of the simulated array; they may be changed at any time and hold from the next call on. */
export interface ArraySettings {
  arrayName: string;
  /** What `GET /arrays` and `/controllers` tell as version. */
  purityVersion: string;
  /** Life of an unused session; 0 is for ever. */
  idleTimeoutMs: number;
  /** Most items of one answer. */
  pageSize: number;
  /** From destroy to the array's own eradication. */
  eradicationDelayMs: number;
  /** SafeMode: `all-disabled` refuses every eradication, `partially-disabled` those of locked members. */
  manualEradication: "all-enabled" | "partially-disabled" | "all-disabled";
  defaultProtection: readonly DefaultProtection[];
  /** 0 is no limit; destroyed volumes count. */
  maxVolumes: number;
  /** 0 is no limit; those of the host's group count. */
  maxConnectionsPerHost: number;
  capacityBytes: number;
  /** Whatever needs room is refused. */
  isFull: boolean;
  /** Evergreen//One: spaces are told without reduction figures and totals. */
  isEvergreenOne: boolean;
  maxVolumeSizeBytes: number;
}

/** An array as it is delivered, without SafeMode, default protection and limits. */
export function defaultArraySettings(): ArraySettings {
  return {
    arrayName: "simulated",
    purityVersion: "6.6.3",
    idleTimeoutMs: 1_800_000,
    pageSize: 1000,
    eradicationDelayMs: 86_400_000,
    manualEradication: "all-enabled",
    defaultProtection: [],
    maxVolumes: 0,
    maxConnectionsPerHost: 0,
    capacityBytes: 29_511_185_858_560,
    isFull: false,
    isEvergreenOne: false,
    maxVolumeSizeBytes: 4_503_599_627_370_496,
  };
}
