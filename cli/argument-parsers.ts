import { InvalidArgumentError } from "commander";
import { checksumAlgorithms } from "../daemon/image.ts";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const hexLengths = { sha512: 128, sha384: 96, sha256: 64, sha1: 40, md5: 32 };
const maxSizeGb = 65_536;

/** What a cache command names: an image (every content it has), or one content. */
export type CacheTarget =
  | { readonly image_id: string }
  | { readonly content: string };

/** A UUID, in lower case. */
export function parseUuid(text: string): string {
  if (!uuid.test(text)) {
    throw new InvalidArgumentError(
      "Need a UUID such as 5f0c6f4e-6f0a-4d52-8a3c-1b7f0b6d9a10.",
    );
  }
  return text.toLowerCase();
}

/** A volume's size in GiB: `20`, `20G`, `20GiB`, `2T`, `2TiB`. */
export function parseSizeGb(text: string): number {
  const match = /^(\d{1,9})\s*(?:(g|gib|gb)|(t|tib|tb))?$/i.exec(text.trim());
  const size = match ? Number(match[1]) * (match[3] ? 1024 : 1) : 0;
  if (size < 1 || size > maxSizeGb) {
    throw new InvalidArgumentError(
      `Need a whole number of GiB from 1 to ${maxSizeGb}, such as 20, 20GiB or 2TiB.`,
    );
  }
  return size;
}

/** A duration in milliseconds: `90` (seconds), `90s`, `10m`, `2h`. */
export function parseTimeout(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim());
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? "s"];
  const ms = match && unit ? Math.round(Number(match[1]) * unit) : 0;
  // Timers of Node and the broker's `expiration` are 32 bits.
  if (ms < 1 || ms > 2 ** 31 - 1) {
    throw new InvalidArgumentError(
      "Need a time above zero and below 24 days, such as 90, 90s, 10m or 2h.",
    );
  }
  return ms;
}

/** A whole number above zero. */
export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw new InvalidArgumentError("Need a whole number above zero.");
  }
  return Number(text);
}

/** A checksum `algorithm:hex`; hex digits in lower case. */
export function parseChecksum(text: string): string {
  const [algorithm = "", value = "", ...rest] = text.toLowerCase().split(":");
  const known = checksumAlgorithms.find((name) => name === algorithm);
  const isRight =
    known !== undefined &&
    rest.length === 0 &&
    /^[0-9a-f]+$/.test(value) &&
    value.length === hexLengths[known];
  if (!isRight) {
    throw new InvalidArgumentError(
      `Need algorithm:hex with one of ${checksumAlgorithms.join(", ")}.`,
    );
  }
  return `${algorithm}:${value}`;
}

/** An http(s) URL. */
export function parseImageUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new InvalidArgumentError("Need an http:// or https:// URL.");
  }
  return text;
}

/** Collects `key=value` options into one object. */
export function collectPair(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  const key = text.slice(0, at);
  if (at < 1) {
    throw new InvalidArgumentError("Need key=value.");
  }
  if (Object.hasOwn(previous, key)) {
    throw new InvalidArgumentError(`The key ${key} was given twice.`);
  }
  return { ...previous, [key]: text.slice(at + 1) };
}

/** Collects an option that may be repeated. */
export function collectText(
  text: string,
  previous: readonly string[] = [],
): readonly string[] {
  return [...previous, text];
}

/** An image id (UUID, or `url:<sha256>` of an image by URL) or a content (`<identity>/<format>`). */
export function parseCacheTarget(text: string): CacheTarget {
  if (/^\S+\/[a-z0-9]+$/.test(text)) {
    return { content: text };
  }
  if (uuid.test(text) || /^url:[0-9a-f]{64}$/.test(text)) {
    return { image_id: text.toLowerCase() };
  }
  throw new InvalidArgumentError(
    "Need an image id (UUID or url:<sha256>) or a content such as sha512:<hex>/raw, as `ivc cache list --json` shows them.",
  );
}
