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
  /** Null: not sealed, so never cloned from. */
  readonly seal: Seal | null;
  readonly createdAtMs: number;
}

/** Where an image is written: closed (flushed, disconnected) on dispose. */
export interface WriteTarget extends AsyncDisposable {
  readonly kind: "file";
  /** Absolute path of a file or device that reads as zeroes and is at least `sizeBytes` long. */
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * How an instance reaches a volume, as Cinder's `connection_info`: `{ driver_volume_type, data }`.
 */
export interface ConnectionInfo {
  readonly driverVolumeType: string;
  readonly data: Readonly<Record<string, unknown>>;
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
  /** Absent = done; the name is free afterwards. Refuses what is not ours. */
  deleteVolume(providerId: string, options: Options): Promise<void>;
  find(providerId: string, options: Options): Promise<OwnedVolume | null>;
  openTarget(volume: BackendVolume, options: Options): Promise<WriteTarget>;
  /** Flushes the volume and writes its seal, durably. */
  seal(volume: BackendVolume, seal: Seal, options: Options): Promise<void>;
  /** Everything of ours, sealed or not. */
  list(options: Options): AsyncIterable<OwnedVolume>;
  connectionInfo(volume: BackendVolume): ConnectionInfo;
  /** Bytes free for new data, as the backend sees it; null when it does not tell. */
  freeBytes(options: Options): Promise<number | null>;
}
