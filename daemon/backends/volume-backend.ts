/** Last argument of whatever waits. */
export interface Options {
  readonly signal: AbortSignal;
}

/** Which object a name is for. */
export type ObjectName =
  | { readonly kind: "volume"; readonly volumeId: string }
  | {
      readonly kind: "image-volume";
      readonly entryKey: string;
      readonly attempt: string;
    }
  /** A user's volume while it is made. */
  | { readonly kind: "attempt"; readonly attempt: string };

/** A volume to be made. `sizeBytes` is rounded up to the backend's unit. */
export interface NewVolume {
  readonly name: string;
  readonly sizeBytes: number;
  readonly volumeId: string;
  readonly role: "volume" | "image-volume";
}

/** A volume that exists on the backend. `providerId` is its name there. */
export interface BackendVolume {
  readonly providerId: string;
  readonly sizeBytes: number;
}

/** What a volume says of itself once its bytes are verified and flushed. */
export interface Seal {
  readonly volumeId: string;
  readonly entryKey: string;
  readonly content: string;
  readonly imageId: string;
  readonly virtualSizeBytes: number;
  /** `<algorithm>:<hex>` over the bytes as downloaded; null when the source gave none and policy allowed that. */
  readonly checksum: string | null;
  readonly sealedAtMs: number;
}

/** Something of ours on the backend. */
export interface OwnedVolume extends BackendVolume {
  readonly volumeId: string | null;
  readonly role: "volume" | "image-volume" | "attempt";
  /** The {@link VolumeLabel.attempt} of its label: it belongs to that create, which has ended. Null: not labelled. */
  readonly labelledBy: string | null;
  /** Null: not sealed, so never cloned from. */
  readonly seal: Seal | null;
  readonly createdAtMs: number;
}

/** A file or device in this machine's file system, that reads as zeroes and is at least `sizeBytes` long. */
export interface FileTarget extends AsyncDisposable {
  readonly kind: "file";
  /** Absolute. */
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * A LUN of an array, that reads as zeroes and is at least `sizeBytes` long. It is written only after the device itself
 * has told the `serial`.
 */
export interface IscsiTarget extends AsyncDisposable {
  readonly kind: "iscsi";
  /** `address:port`, IPv6 in brackets; each leads to the same LUN, and any of them may be down. */
  readonly portals: readonly string[];
  readonly iqn: string;
  readonly lun: number;
  /** What the writer calls itself. */
  readonly initiatorName: string;
  /** Never to be logged, nor given in an argument. */
  readonly chap: { readonly user: string; readonly password: string } | null;
  /** The unit serial number (VPD page 0x80) of the right device. */
  readonly serial: string;
  readonly sizeBytes: number;
}

/** Where an image is written: closed (flushed, disconnected) on dispose. */
export type WriteTarget = FileTarget | IscsiTarget;

/**
 * How an instance reaches a volume, as Cinder's `connection_info`: `{ driver_volume_type, data }`.
 */
export interface ConnectionInfo {
  readonly driverVolumeType: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Who wants to reach a volume, in Cinder's words: what os-brick's `get_connector_properties` tells. */
export interface Connector {
  readonly host: string;
  /** IQN. */
  readonly initiator: string | null;
  readonly nqn: string | null;
  readonly wwpns: readonly string[];
}

/** What an operator may want to read at a volume on the backend itself. */
export interface VolumeLabel {
  readonly volumeId: string;
  readonly projectId: string | null;
  readonly imageId: string;
  /** An attempt of the create that made it, which no other create has. */
  readonly attempt: string;
}

/** An image-volume that was evicted and is not gone for good yet. */
export interface Restorable extends BackendVolume {
  readonly seal: Seal;
}

/** Options of a deletion. */
export interface DeleteOptions extends Options {
  /** The bytes are still good: where the backend has a trash, the image-volume may come back out of it. */
  readonly isRestorable?: boolean;
}

/** What a backend can do. */
export interface BackendCapabilities {
  readonly clone: "metadata" | "reflink" | "copy";
  /** A clone appears complete under its final name in one step. */
  readonly atomicClone: boolean;
  readonly trash: boolean;
}

/**
 * A place for volumes. Each operation is idempotent: an unknown outcome is resolved by calling it again. Errors are
 * `BackendError`s: `VOLUME_EXISTS` (a name is taken by something that is not ours to touch), `VOLUME_MISSING`,
 * `BACKEND_FULL`, `BACKEND_IO`.
 */
export interface VolumeBackend {
  /** As configured: the `backend` of requests and keys. */
  readonly name: string;
  /** Cinder's form: `node@backend#pool`. */
  readonly host: string;
  readonly capabilities: BackendCapabilities;
  /** Proves that the place is usable and says which one it is: an array id, a marker's UUID. */
  identity(options: Options): Promise<string>;
  /** What an object is called here; the only place where names are made. */
  nameFor(object: ObjectName): string;
  /** Makes an empty volume that reads as zeroes. Exists already under this name and role: adopted, and emptied. */
  createVolume(volume: NewVolume, options: Options): Promise<BackendVolume>;
  /** Makes `volume` a clone of a sealed image-volume, of the same size. `VOLUME_MISSING` when the source is not there. */
  cloneVolume(
    from: BackendVolume,
    volume: NewVolume,
    options: Options,
  ): Promise<BackendVolume>;
  /** Gives a finished volume its own name; done already = done. `VOLUME_EXISTS` when the name is taken. */
  renameVolume(
    volume: BackendVolume,
    name: string,
    options: Options,
  ): Promise<BackendVolume>;
  /** Grows to at least `sizeBytes`; the rest reads as zero. Never shrinks. */
  extendVolume(
    volume: BackendVolume,
    sizeBytes: number,
    options: Options,
  ): Promise<BackendVolume>;
  /** Absent = done; the name is free afterwards. Refuses what is not ours (`VOLUME_NOT_OURS`) or in use (`VOLUME_IN_USE`). */
  deleteVolume(providerId: string, options: DeleteOptions): Promise<void>;
  find(providerId: string, options: Options): Promise<OwnedVolume | null>;
  openTarget(volume: BackendVolume, options: Options): Promise<WriteTarget>;
  /** Flushes the volume and writes its seal, durably. */
  seal(volume: BackendVolume, seal: Seal, options: Options): Promise<void>;
  /** Everything of ours, sealed or not. */
  list(options: Options): AsyncIterable<OwnedVolume>;
  /** The newest image-volume of this entry in the trash, if it may come back; null where there is none, or no trash. */
  findRestorable(
    entryKey: string,
    options: Options,
  ): Promise<Restorable | null>;
  /** Takes it out of the trash, under `name`, unsealed; null when it is gone meanwhile. */
  restoreVolume(
    restorable: Restorable,
    name: string,
    options: Options,
  ): Promise<BackendVolume | null>;
  /**
   * Writes beside a finished volume whose it is, so that no other create takes or removes it, should the index be lost.
   * Nothing where the backend has no place for it.
   */
  labelVolume(
    volume: BackendVolume,
    label: VolumeLabel,
    options: Options,
  ): Promise<void>;
  /** How everybody reaches the volume; null where it has to be connected to each host first. */
  connectionInfo(volume: BackendVolume): ConnectionInfo | null;
  /** Lets a host reach the volume; done already = the same answer. `CONNECTOR_UNUSABLE` when the connector lacks what is needed. */
  initializeConnection(
    volume: BackendVolume,
    connector: Connector,
    options: Options,
  ): Promise<ConnectionInfo>;
  /** Undoes it; without a connector for all hosts. Not connected = done. */
  terminateConnection(
    volume: BackendVolume,
    connector: Connector | null,
    options: Options,
  ): Promise<void>;
  /** Bytes free for new data, as the backend sees it; null when it does not tell. */
  freeBytes(options: Options): Promise<number | null>;
}
