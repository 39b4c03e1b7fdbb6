import { ImageError } from "../../errors.ts";

/** What the daemon needs to know of a qcow2 that was found safe. */
export interface Qcow2Header {
  readonly virtualSizeBytes: number;
}

/** Bounds the header is held against. */
export interface Qcow2Bounds {
  /** Bytes of the whole file; null when its source does not tell. */
  readonly sizeBytes: number | null;
  readonly maxVirtualSizeBytes: number;
}

const dirtyBit = 1n << 0n;
const corruptBit = 1n << 1n;
const dataFileBit = 1n << 2n;
const compressionBit = 1n << 3n;
const extendedL2Bit = 1n << 4n;
const knownBits =
  dirtyBit | corruptBit | dataFileBit | compressionBit | extendedL2Bit;

const encryptionExtension = 0x0537be77;
const dataFileExtension = 0x44415441;
const maxL1Bytes = 32 * 1024 * 1024;
const maxRefcountTableBytes = 8 * 1024 * 1024;
const maxSnapshots = 65_536;

interface Fields {
  readonly version: number;
  readonly backingOffset: bigint;
  readonly backingSize: number;
  readonly clusterBits: number;
  readonly size: bigint;
  readonly cryptMethod: number;
  readonly l1Size: number;
  readonly l1Offset: bigint;
  readonly refcountOffset: bigint;
  readonly refcountClusters: number;
  readonly snapshots: number;
  readonly snapshotsOffset: bigint;
  readonly incompatible: bigint;
  readonly refcountOrder: number;
  readonly headerLength: number;
  readonly compressionType: number;
}

/** Reads a qcow2 header from the file's first bytes; throws an `ImageError` unless everything about it is plain and safe. */
export function readQcow2Header(
  bytes: Uint8Array,
  bounds: Qcow2Bounds,
): Qcow2Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields = readFields(view);
  checkSafety(fields);
  checkShape(fields);
  checkExtensions(view, fields);
  const virtualSizeBytes = checkSize(fields, bounds.maxVirtualSizeBytes);
  checkTables(fields, bounds.sizeBytes);
  return { virtualSizeBytes };
}

function unsafe(what: string): ImageError {
  return new ImageError("IMAGE_UNSAFE", `qcow2 ${what} is not allowed`);
}

function invalid(what: string): ImageError {
  return new ImageError("IMAGE_INVALID", `qcow2 header: ${what}`);
}

function readFields(view: DataView): Fields {
  need(view, 72);
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) {
    throw invalid(`version ${version} (allowed 2, 3)`);
  }
  const isThree = version === 3;
  if (isThree) {
    need(view, 104);
  }
  const headerLength = isThree ? view.getUint32(100) : 72;
  const hasType = headerLength > 104 && view.byteLength > 104;
  return {
    version,
    backingOffset: view.getBigUint64(8),
    backingSize: view.getUint32(16),
    clusterBits: view.getUint32(20),
    size: view.getBigUint64(24),
    cryptMethod: view.getUint32(32),
    l1Size: view.getUint32(36),
    l1Offset: view.getBigUint64(40),
    refcountOffset: view.getBigUint64(48),
    refcountClusters: view.getUint32(56),
    snapshots: view.getUint32(60),
    snapshotsOffset: view.getBigUint64(64),
    incompatible: isThree ? view.getBigUint64(72) : 0n,
    refcountOrder: isThree ? view.getUint32(96) : 4,
    headerLength,
    compressionType: hasType ? view.getUint8(104) : 0,
  };
}

function need(view: DataView, bytes: number): void {
  if (view.byteLength < bytes) {
    throw new ImageError(
      "IMAGE_TRUNCATED",
      `the file ends within its qcow2 header, after ${view.byteLength} bytes`,
    );
  }
}

function checkSafety(fields: Fields): void {
  if (fields.backingOffset !== 0n || fields.backingSize !== 0) {
    throw unsafe("backing file");
  }
  if ((fields.incompatible & dataFileBit) !== 0n) {
    throw unsafe("external data file");
  }
  const unknown = fields.incompatible & ~knownBits;
  if (unknown !== 0n) {
    throw unsafe(`with unknown incompatible feature bits ${bitsOf(unknown)}`);
  }
  if (fields.cryptMethod !== 0) {
    throw unsafe(`encryption (method ${fields.cryptMethod})`);
  }
  if ((fields.incompatible & corruptBit) !== 0n) {
    throw new ImageError(
      "IMAGE_CORRUPT",
      "the qcow2 is marked corrupt by the program that wrote it",
    );
  }
}

function bitsOf(mask: bigint): string {
  return Array.from({ length: 64 }, (_, bit) => bit)
    .filter((bit) => (mask >> BigInt(bit)) % 2n === 1n)
    .join(", ");
}

function checkShape(fields: Fields): void {
  const { clusterBits, headerLength, refcountOrder } = fields;
  if (clusterBits < 9 || clusterBits > 21) {
    throw invalid(`cluster_bits ${clusterBits} (allowed 9 to 21)`);
  }
  if (
    fields.version === 3 &&
    (headerLength < 104 ||
      headerLength % 8 !== 0 ||
      headerLength > 2 ** clusterBits)
  ) {
    throw invalid(`header_length ${headerLength}`);
  }
  if (refcountOrder > 6) {
    throw invalid(`refcount_order ${refcountOrder} (allowed 0 to 6)`);
  }
  const hasBit = (fields.incompatible & compressionBit) !== 0n;
  if (fields.compressionType > 1 || hasBit !== fields.compressionType > 0) {
    throw invalid(`compression type ${fields.compressionType}`);
  }
  if (fields.snapshots > maxSnapshots) {
    throw invalid(`${fields.snapshots} snapshots`);
  }
}

function checkExtensions(view: DataView, fields: Fields): void {
  const end = Math.min(2 ** fields.clusterBits, view.byteLength);
  let at = fields.headerLength;
  while (at + 8 <= end) {
    const type = view.getUint32(at);
    const length = view.getUint32(at + 4);
    if (type === 0) {
      return;
    }
    if (type === dataFileExtension) {
      throw unsafe("external data file");
    }
    if (type === encryptionExtension) {
      throw unsafe("encryption (header extension)");
    }
    at += 8 + Math.ceil(length / 8) * 8;
    if (at > end) {
      throw invalid("an extension is longer than the header");
    }
  }
}

function checkSize(fields: Fields, limit: number): number {
  if (fields.size === 0n) {
    throw new ImageError("IMAGE_EMPTY", "the qcow2 has a virtual size of 0");
  }
  if (fields.size > BigInt(limit)) {
    throw new ImageError(
      "IMAGE_TOO_BIG",
      `virtual size ${fields.size} bytes > limit ${limit}`,
    );
  }
  return Math.ceil(Number(fields.size) / 512) * 512;
}

function checkTables(fields: Fields, sizeBytes: number | null): void {
  const cluster = 2n ** BigInt(fields.clusterBits);
  const entryBytes = (fields.incompatible & extendedL2Bit) === 0n ? 8n : 16n;
  const perL1Entry = (cluster / entryBytes) * cluster;
  const l1Needed = (fields.size + perL1Entry - 1n) / perL1Entry;
  const l1Bytes = BigInt(fields.l1Size) * 8n;
  if (BigInt(fields.l1Size) < l1Needed || l1Bytes > BigInt(maxL1Bytes)) {
    throw invalid(`l1_size ${fields.l1Size}, needed ${l1Needed}`);
  }
  const refcountBytes = BigInt(fields.refcountClusters) * cluster;
  if (refcountBytes === 0n || refcountBytes > BigInt(maxRefcountTableBytes)) {
    throw invalid(`refcount_table_clusters ${fields.refcountClusters}`);
  }
  checkTable("l1_table", fields.l1Offset, l1Bytes, cluster, sizeBytes);
  checkTable(
    "refcount_table",
    fields.refcountOffset,
    refcountBytes,
    cluster,
    sizeBytes,
  );
  if (fields.snapshots > 0) {
    checkTable(
      "snapshots",
      fields.snapshotsOffset,
      BigInt(fields.snapshots) * 40n,
      cluster,
      sizeBytes,
    );
  }
}

function checkTable(
  name: string,
  offset: bigint,
  length: bigint,
  cluster: bigint,
  sizeBytes: number | null,
): void {
  if (offset < cluster || offset % cluster !== 0n) {
    throw invalid(`${name}_offset ${offset}`);
  }
  if (sizeBytes !== null && offset + length > BigInt(sizeBytes)) {
    throw new ImageError(
      "IMAGE_TRUNCATED",
      `the qcow2's ${name} ends at byte ${offset + length}, the file at ${sizeBytes}`,
    );
  }
}
