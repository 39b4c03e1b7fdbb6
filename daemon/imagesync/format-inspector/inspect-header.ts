import { ImageError } from "../../errors.ts";
import { type DetectedFormat, detectFormat } from "./detect-format.ts";
import { readQcow2Header } from "./qcow2-header.ts";

/** Formats that are copied. */
const allowedFormats = ["raw", "qcow2"] as const;

/** One of {@link allowedFormats}. */
export type AllowedFormat = (typeof allowedFormats)[number];

/** What an image says of itself, before anything of it is believed. */
export interface HeaderClaims {
  readonly diskFormat: string;
  readonly containerFormat: string;
  /** Bytes of the file on the wire; null when its source does not tell. */
  readonly sizeBytes: number | null;
  readonly maxVirtualSizeBytes: number;
}

/** An image whose header was found to be what was claimed, and safe. */
export interface InspectedHeader {
  readonly format: AllowedFormat;
  readonly virtualSizeBytes: number;
}

/** Bytes of a header that are looked at; a shorter file is given whole. */
const headerBytes = 1024 * 1024;

/** What a raw disk may look like. */
const rawFormats = new Set<DetectedFormat>(["iso", "gpt", "mbr", "unknown"]);

/** Refuses a format by its name alone, before anything is downloaded. */
export function allowedFormatOf(
  claims: Pick<HeaderClaims, "diskFormat" | "containerFormat">,
): AllowedFormat {
  if (claims.containerFormat !== "bare") {
    throw new ImageError(
      "FORMAT_NOT_ALLOWED",
      `container format ${short(claims.containerFormat)} (allowed bare)`,
    );
  }
  const format = allowedFormats.find((name) => name === claims.diskFormat);
  if (format === undefined) {
    throw new ImageError(
      "FORMAT_NOT_ALLOWED",
      `${short(claims.diskFormat)} (allowed ${allowedFormats.join(", ")})`,
    );
  }
  return format;
}

/** Decides from an image's first bytes whether it may be read at all, and how big its volume is. Throws only `ImageError`s. */
export function inspectHeader(
  bytes: Uint8Array,
  claims: HeaderClaims,
): InspectedHeader {
  const format = allowedFormatOf(claims);
  if (bytes.length === 0 || claims.sizeBytes === 0) {
    throw new ImageError("IMAGE_EMPTY", "the image has no bytes");
  }
  const header = bytes.subarray(0, headerBytes);
  const found = detectFormat(header);
  if (found === "html") {
    throw new ImageError(
      "IMAGE_CORRUPT",
      `not a ${format} (starts with ${JSON.stringify(startOf(header))}); the source served a page instead`,
    );
  }
  if (format === "qcow2") {
    refuseUnless(found === "qcow2", format, found);
    const { virtualSizeBytes } = readQcow2Header(header, claims);
    return { format, virtualSizeBytes };
  }
  refuseUnless(rawFormats.has(found), format, found);
  return { format, virtualSizeBytes: rawSize(claims) };
}

function refuseUnless(
  fits: boolean,
  declared: AllowedFormat,
  found: DetectedFormat,
): void {
  if (!fits) {
    throw new ImageError(
      "IMAGE_FORMAT_MISMATCH",
      `declared ${declared}, content ${rawFormats.has(found) ? `raw (${found})` : found}`,
    );
  }
}

function rawSize({ sizeBytes, maxVirtualSizeBytes }: HeaderClaims): number {
  if (sizeBytes === null) {
    throw new ImageError(
      "IMAGE_SIZE_UNKNOWN",
      "neither the image's record nor its download tells its size; serve it with a Content-Length",
    );
  }
  if (sizeBytes > maxVirtualSizeBytes) {
    throw new ImageError(
      "IMAGE_TOO_BIG",
      `size ${sizeBytes} bytes > limit ${maxVirtualSizeBytes}`,
    );
  }
  return Math.ceil(sizeBytes / 512) * 512;
}

function short(text: string): string {
  return JSON.stringify(text.slice(0, 40)).slice(1, -1);
}

function startOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 16)).toString("latin1").trim();
}
