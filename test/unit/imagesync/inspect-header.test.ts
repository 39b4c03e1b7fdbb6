import { describe, expect, it } from "@jest/globals";
import {
  array,
  assert,
  constantFrom,
  integer,
  nat,
  property,
  tuple,
  uint8Array,
} from "fast-check";
import { ImageError } from "../../../daemon/errors.ts";
import { inspectHeader } from "../../../daemon/imagesync/format-inspector/inspect-header.ts";
import {
  qcow2FileBytes,
  qcow2Header,
  type Qcow2Parts,
} from "../../helpers/qcow2-header.ts";

const tib = 1024 ** 4;

function inspect(
  bytes: Uint8Array,
  diskFormat: string,
  sizeBytes: number | null = bytes.length,
  containerFormat = "bare",
) {
  return inspectHeader(bytes, {
    diskFormat,
    containerFormat,
    sizeBytes,
    maxVirtualSizeBytes: 2 * tib,
  });
}

function qcow2(parts: Qcow2Parts) {
  return () => inspect(qcow2Header(parts), "qcow2", qcow2FileBytes);
}

function disk(at: number, mark: string): Buffer {
  const bytes = Buffer.alloc(65_536);
  bytes.write(mark, at, "latin1");
  return bytes;
}

describe("inspectHeader of a raw image", () => {
  it.each([
    [1, 512],
    [511, 512],
    [512, 512],
    [513, 1_024],
  ])("makes %i bytes a volume of %i", (size, virtualSizeBytes) => {
    expect(inspect(Buffer.alloc(size), "raw")).toEqual({
      format: "raw",
      virtualSizeBytes,
    });
  });

  it("refuses an empty one", () => {
    expect(() => inspect(Buffer.alloc(0), "raw")).toThrow("IMAGE_EMPTY");
  });

  it.each([
    ["mbr", disk(510, "\x55\xaa")],
    ["gpt", disk(512, "EFI PART")],
    ["iso", disk(0x8001, "CD001")],
  ])("accepts a disk with %s", (_, bytes) => {
    expect(inspect(bytes, "raw").format).toBe("raw");
  });

  it.each([
    ["qcow2", disk(0, "QFI\xfb")],
    ["vmdk", disk(0, "KDMV")],
    ["vmdk", disk(0, "# Disk DescriptorFile\nversion=1\n")],
    ["vmdk", disk(0, "\n# x\r\n#\r\n  version=1\n")],
    ["vhd", disk(0, "conectix")],
    ["vhdx", disk(0, "vhdxfile")],
    ["vdi", disk(64, "\x7f\x10\xda\xbe")],
    ["qed", disk(0, "QED\0")],
    ["luks", disk(0, "LUKS\xba\xbe")],
    ["gzip", disk(0, "\x1f\x8b\x08")],
  ])("refuses a %s in disguise", (format, bytes) => {
    bytes.write("\x55\xaa", 510, "latin1");
    expect(() => inspect(bytes, "raw")).toThrow(
      `IMAGE_FORMAT_MISMATCH: declared raw, content ${format}`,
    );
  });

  it("wants to know its size, and holds it against the limit", () => {
    expect(() => inspect(Buffer.alloc(9), "raw", null)).toThrow(
      "IMAGE_SIZE_UNKNOWN",
    );
    expect(inspect(Buffer.alloc(9), "raw", 2 * tib).virtualSizeBytes).toBe(
      2 * tib,
    );
    expect(() => inspect(Buffer.alloc(9), "raw", 2 * tib + 1)).toThrow(
      "IMAGE_TOO_BIG",
    );
  });
});

describe("inspectHeader of anything", () => {
  it.each([
    ["vdi", "bare", "FORMAT_NOT_ALLOWED: vdi (allowed raw, qcow2)"],
    ["xyz", "bare", "FORMAT_NOT_ALLOWED: xyz (allowed raw, qcow2)"],
    ["raw", "ova", "FORMAT_NOT_ALLOWED: container format ova (allowed bare)"],
    ["raw", "none", "FORMAT_NOT_ALLOWED"],
  ])("refuses %s in %s by name", (format, container, message) => {
    expect(() => inspect(Buffer.alloc(512), format, 512, container)).toThrow(
      message,
    );
  });

  it.each(["raw", "qcow2"])("sees a web page declared %s", (format) => {
    const page = Buffer.from("\n<HTML><body>502</body>");
    expect(() => inspect(page, format)).toThrow(
      /IMAGE_CORRUPT: not a (?:raw|qcow2) \(starts with "<HTML>/,
    );
  });
});

describe("inspectHeader of a qcow2", () => {
  it.each([
    ["version 3", {}],
    ["version 2", { version: 2 }],
    ["zstd", { incompatible: 8n, compressionType: 1 }],
    ["extended L2", { incompatible: 16n, l1Size: 4 }],
    ["a dirty bit", { incompatible: 1n }],
  ])("accepts %s", (_, parts) => {
    expect(qcow2(parts)()).toEqual({
      format: "qcow2",
      virtualSizeBytes: 1024 ** 3,
    });
  });

  it("rounds its virtual size up to a sector", () => {
    expect(qcow2({ size: 513n })().virtualSizeBytes).toBe(1_024);
  });

  it.each<[string, Qcow2Parts, string]>([
    ["a backing file", { backingOffset: 512n, backingSize: 9 }, "backing file"],
    ["a backing size alone", { backingSize: 1 }, "backing file"],
    ["a data file", { incompatible: 4n }, "external data file"],
    ["bit 5", { incompatible: 32n }, "feature bits 5"],
    ["bits 6, 63", { incompatible: (1n << 63n) + 64n }, "feature bits 6, 63"],
    ["AES", { cryptMethod: 1 }, "encryption (method 1)"],
    ["LUKS", { cryptMethod: 2 }, "encryption (method 2)"],
    [
      "a data file's name",
      { extension: { type: 0x44415441, length: 8 } },
      "external data file",
    ],
    [
      "a crypto header",
      { extension: { type: 0x0537be77, length: 16 } },
      "encryption",
    ],
  ])("calls %s unsafe", (_, parts, what) => {
    expect(qcow2(parts)).toThrow(`IMAGE_UNSAFE: qcow2`);
    expect(qcow2(parts)).toThrow(what);
  });

  it.each<[Qcow2Parts, string]>([
    [{ version: 1 }, "version 1"],
    [{ version: 4 }, "version 4"],
    [{ clusterBits: 8 }, "cluster_bits 8"],
    [{ clusterBits: 22 }, "cluster_bits 22"],
    [{ clusterBits: 63 }, "cluster_bits 63"],
    [{ headerLength: 96 }, "header_length 96"],
    [{ headerLength: 105 }, "header_length 105"],
    [{ headerLength: 65_544 }, "header_length 65544"],
    [{ refcountOrder: 7 }, "refcount_order 7"],
    [{ compressionType: 1 }, "compression type 1"],
    [{ incompatible: 8n, compressionType: 2 }, "compression type 2"],
    [{ incompatible: 8n }, "compression type 0"],
    [{ l1Size: 1 }, "l1_size 1, needed 2"],
    [{ l1Size: 4 * 1024 ** 2 + 1 }, "l1_size"],
    [{ l1Offset: 0n }, "l1_table_offset 0"],
    [{ l1Offset: 65_537n }, "l1_table_offset"],
    [{ refcountClusters: 0 }, "refcount_table_clusters 0"],
    [{ refcountClusters: 129 }, "refcount_table_clusters 129"],
    [{ snapshots: 65_537 }, "snapshots"],
    [{ extension: { type: 7, length: 0xffffffff } }, "extension"],
  ])("calls %j invalid", (parts, what) => {
    expect(qcow2(parts)).toThrow(`IMAGE_INVALID: qcow2 header: `);
    expect(qcow2(parts)).toThrow(what);
  });

  it("refuses a virtual size of nothing, and one above the limit", () => {
    expect(qcow2({ size: 0n })).toThrow("IMAGE_EMPTY");
    expect(qcow2({ size: 1n << 63n })).toThrow("IMAGE_TOO_BIG");
    expect(qcow2({ size: BigInt(60 * tib) })).toThrow(
      `IMAGE_TOO_BIG: virtual size ${60 * tib} bytes > limit ${2 * tib}`,
    );
    expect(
      qcow2({ size: BigInt(2 * tib), l1Size: 4_096 })().virtualSizeBytes,
    ).toBe(2 * tib);
  });

  it("sees that the file ends before its tables do", () => {
    expect(() => inspect(qcow2Header().subarray(0, 71), "qcow2")).toThrow(
      "IMAGE_TRUNCATED",
    );
    expect(() => inspect(qcow2Header(), "qcow2", 300)).toThrow(
      "IMAGE_TRUNCATED",
    );
  });

  it("refuses what is marked corrupt, and what is no qcow2", () => {
    expect(qcow2({ incompatible: 2n })).toThrow("IMAGE_CORRUPT");
    expect(() => inspect(disk(510, "\x55\xaa"), "qcow2")).toThrow(
      "IMAGE_FORMAT_MISMATCH: declared qcow2, content raw (mbr)",
    );
  });
});

describe("inspectHeader of hostile bytes", () => {
  const verdict = (bytes: Uint8Array, format: string) => {
    try {
      const { virtualSizeBytes } = inspect(bytes, format, qcow2FileBytes);
      return virtualSizeBytes > 0 && virtualSizeBytes <= 2 * tib;
    } catch (error) {
      return error instanceof ImageError;
    }
  };

  it("answers or throws an ImageError, whatever the bytes", () => {
    const bytes = uint8Array({ maxLength: 4_096 });
    const formats = constantFrom("raw", "qcow2", "vmdk");
    expect(() => {
      assert(property(bytes, formats, verdict), { numRuns: 2_000 });
    }).not.toThrow();
  });

  it("answers or throws an ImageError for every mutation of a good header", () => {
    const mutations = array(tuple(nat(160), nat(255)), {
      minLength: 1,
      maxLength: 12,
    });
    const lengths = integer({ min: 0, max: 65_536 });
    const isHandled = property(mutations, lengths, (changes, length) => {
      const bytes = qcow2Header();
      for (const [at, value] of changes) {
        bytes[at] = value;
      }
      return verdict(bytes.subarray(0, length), "qcow2");
    });
    expect(() => {
      assert(isHandled, { numRuns: 3_000 });
    }).not.toThrow();
  });
});
