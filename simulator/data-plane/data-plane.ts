/** Where the bytes of volumes are, and how hosts reach them. The array's model calls it; everything is idempotent. */
export interface DataPlane extends AsyncDisposable {
  /** `file`: hosts cannot reach volumes, only the files are there. `iscsi`: connections are LUNs. */
  readonly kind: "file" | "iscsi";
  /** `address:port` of each iSCSI portal, the same target behind all of them; empty for `file`. */
  readonly portals: readonly string[];
  /** The array's one iSCSI target name. */
  readonly iqn: string;
  /** Absolute path of a volume's bytes, for tests and copies without iSCSI. `id` is the volume's or snapshot's own id. */
  pathOf(id: string): string;
  /** A sparse file of zeroes. */
  create(id: string, sizeBytes: number): Promise<void>;
  /** Makes or replaces `id` with the bytes of `fromId`, of the same size, sharing blocks where the file system can. */
  clone(fromId: string, id: string): Promise<void>;
  /** Grows with zeroes, or cuts. A LUN that is in use shows its new size to those who log in anew. */
  resize(id: string, sizeBytes: number): Promise<void>;
  /** Eradicated: the bytes go. */
  remove(id: string): Promise<void>;
  /** Publishes a volume to a host as `lun`. `serial` is what the device tells as unit serial number. */
  connect(connection: LunConnection): Promise<void>;
  /** Takes it back; sessions of other hosts and LUNs go on. */
  disconnect(hostName: string, volumeId: string): Promise<void>;
  /** The initiators and the CHAP account of a host, before its first connection and after each change. */
  setHost(host: HostAccess): Promise<void>;
  removeHost(hostName: string): Promise<void>;
}

/** A volume as a LUN of one host. */
export interface LunConnection {
  readonly hostName: string;
  readonly volumeId: string;
  readonly serial: string;
  readonly lun: number;
}

/** Who a host is to the data plane. */
export interface HostAccess {
  readonly hostName: string;
  readonly iqns: readonly string[];
  readonly chap: { readonly user: string; readonly password: string } | null;
}
