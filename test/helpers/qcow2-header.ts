/** Fields of a qcow2 header that a test may set; the rest is a valid, empty image of 1 GiB. */
export interface Qcow2Parts {
  readonly version?: number;
  readonly backingOffset?: bigint;
  readonly backingSize?: number;
  readonly clusterBits?: number;
  readonly size?: bigint;
  readonly cryptMethod?: number;
  readonly l1Size?: number;
  readonly l1Offset?: bigint;
  readonly refcountOffset?: bigint;
  readonly refcountClusters?: number;
  readonly snapshots?: number;
  readonly incompatible?: bigint;
  readonly refcountOrder?: number;
  readonly headerLength?: number;
  readonly compressionType?: number;
  readonly extension?: { readonly type: number; readonly length: number };
}

/** Size of the file that the header of {@link qcow2Header} describes by default. */
export const qcow2FileBytes = 4 * 65_536;

const valid = {
  version: 3,
  backingOffset: 0n,
  backingSize: 0,
  clusterBits: 16,
  size: 1n << 30n,
  cryptMethod: 0,
  l1Size: 2,
  l1Offset: 3n * 65_536n,
  refcountOffset: 65_536n,
  refcountClusters: 1,
  snapshots: 0,
  incompatible: 0n,
  refcountOrder: 4,
  headerLength: 112,
  compressionType: 0,
  extension: { type: 0, length: 0 },
};

/** The first cluster of a qcow2. */
export function qcow2Header(parts: Qcow2Parts = {}): Buffer {
  const header = { ...valid, ...parts };
  const bytes = Buffer.alloc(65_536);
  bytes.write("QFI\xfb", "latin1");
  bytes.writeUInt32BE(header.version, 4);
  bytes.writeBigUInt64BE(header.backingOffset, 8);
  bytes.writeUInt32BE(header.backingSize, 16);
  bytes.writeUInt32BE(header.clusterBits, 20);
  bytes.writeBigUInt64BE(header.size, 24);
  bytes.writeUInt32BE(header.cryptMethod, 32);
  bytes.writeUInt32BE(header.l1Size, 36);
  bytes.writeBigUInt64BE(header.l1Offset, 40);
  bytes.writeBigUInt64BE(header.refcountOffset, 48);
  bytes.writeUInt32BE(header.refcountClusters, 56);
  bytes.writeUInt32BE(header.snapshots, 60);
  bytes.writeBigUInt64BE(header.incompatible, 72);
  bytes.writeUInt32BE(header.refcountOrder, 96);
  bytes.writeUInt32BE(header.headerLength, 100);
  bytes.writeUInt8(header.compressionType, 104);
  bytes.writeUInt32BE(header.extension.type, 112);
  bytes.writeUInt32BE(header.extension.length, 116);
  return bytes;
}
