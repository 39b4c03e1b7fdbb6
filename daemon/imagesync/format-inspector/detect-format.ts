/** What the first bytes of an image say it is. `unknown` is data without a known mark. */
export type DetectedFormat =
  | "qcow2"
  | "vmdk"
  | "vhd"
  | "vhdx"
  | "vdi"
  | "qed"
  | "luks"
  | "parallels"
  | "bochs"
  | "cloop"
  | "gzip"
  | "xz"
  | "zstd"
  | "bzip2"
  | "zip"
  | "html"
  | "iso"
  | "gpt"
  | "mbr"
  | "unknown";

interface Mark {
  readonly format: DetectedFormat;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

function mark(format: DetectedFormat, offset: number, text: string): Mark {
  return { format, offset, bytes: Buffer.from(text, "latin1") };
}

/** In order: containers first, since a disk's own marks may also stand inside of one. */
const marks: readonly Mark[] = [
  mark("qcow2", 0, "QFI\xfb"),
  mark("vmdk", 0, "KDMV"),
  mark("vmdk", 0, "COWD"),
  mark("vhd", 0, "conectix"),
  mark("vhdx", 0, "vhdxfile"),
  mark("vdi", 64, "\x7f\x10\xda\xbe"),
  mark("qed", 0, "QED\0"),
  mark("luks", 0, "LUKS\xba\xbe"),
  mark("parallels", 0, "WithoutFreeSpace"),
  mark("parallels", 0, "WithouFreSpacExt"),
  mark("bochs", 0, "Bochs Virtual HD Image"),
  mark("cloop", 0, "#!/bin/sh\n#V2.0 Format\n"),
  mark("gzip", 0, "\x1f\x8b\x08"),
  mark("xz", 0, "\xfd7zXZ\0"),
  mark("zstd", 0, "\x28\xb5\x2f\xfd"),
  mark("bzip2", 0, "BZh"),
  mark("zip", 0, "PK\x03\x04"),
];

const contents: readonly Mark[] = [
  mark("iso", 0x8001, "CD001"),
  mark("gpt", 512, "EFI PART"),
  mark("gpt", 4096, "EFI PART"),
  mark("mbr", 510, "\x55\xaa"),
];

/** Recognises an image by its first bytes, up to 1 MiB of them. */
export function detectFormat(bytes: Uint8Array): DetectedFormat {
  return (
    formatByMark(bytes, marks) ??
    formatOfText(bytes) ??
    formatByMark(bytes, contents) ??
    "unknown"
  );
}

function formatByMark(
  bytes: Uint8Array,
  candidates: readonly Mark[],
): DetectedFormat | null {
  const found = candidates.find(({ offset, bytes: expected }) =>
    expected.every((byte, at) => bytes[offset + at] === byte),
  );
  return found?.format ?? null;
}

/** A web page instead of an image, or a VMDK descriptor, which may have comments and blank lines before its first word. */
function formatOfText(bytes: Uint8Array): DetectedFormat | null {
  const text = Buffer.from(bytes.subarray(0, 20 * 1024)).toString("latin1");
  if (
    /^(?:\xef\xbb\xbf)?\s{0,200}<(?:!doctype html|html|head|\?xml)/i.test(text)
  ) {
    return "html";
  }
  for (const line of text.split("\n")) {
    const word = line.trim().toLowerCase();
    if (word.startsWith("# disk descriptorfile") || /^version=\d/.test(word)) {
      return "vmdk";
    }
    if (word !== "" && !word.startsWith("#")) {
      return null;
    }
  }
  return null;
}
