import { BackendError } from "../../errors.ts";

/** A REST version of a FlashArray: two integers, so that 2.9 is older than 2.26. */
export interface RestVersion {
  readonly major: number;
  readonly minor: number;
}

/** The oldest version that has all we call: network interfaces came with it (vendor's OpenAPI files). */
export const oldestRestVersion: RestVersion = { major: 2, minor: 4 };

/** The newest version whose answers were checked against the vendor's OpenAPI files. */
export const newestRestVersion: RestVersion = { major: 2, minor: 36 };

/** `2.26` as a version; null when it is not one. */
export function parseRestVersion(text: string): RestVersion | null {
  const [, major, minor] = /^(\d{1,4})\.(\d{1,4})$/.exec(text) ?? [];
  return major === undefined || minor === undefined
    ? null
    : { major: Number(major), minor: Number(minor) };
}

/** As it stands in URLs. */
export function formatRestVersion({ major, minor }: RestVersion): string {
  return `${major}.${minor}`;
}

/** True when `version` is `since` or newer. */
export function isAtLeast(version: RestVersion, since: RestVersion): boolean {
  return compare(version, since) >= 0;
}

/**
 * The version to talk: the newest one that both sides know, or the pinned one.
 *
 * @throws {BackendError} `ARRAY_VERSION` when there is none
 */
export function chooseRestVersion(
  offered: readonly string[],
  pin: string | null,
  where: string,
): RestVersion {
  const known = offered
    .map(parseRestVersion)
    .filter((version) => version !== null)
    .toSorted(compare);
  const usable = known.filter(
    (version) =>
      isAtLeast(version, oldestRestVersion) &&
      isAtLeast(newestRestVersion, version),
  );
  const chosen =
    pin === null ? usable.at(-1) : pinned(known, pin, offered, where);
  if (chosen === undefined) {
    throw versionError(
      `${where} offers no REST version from ${formatRestVersion(oldestRestVersion)} to ${formatRestVersion(newestRestVersion)}, only ${listed(offered)}; it needs another release of Purity`,
    );
  }
  return chosen;
}

function pinned(
  known: readonly RestVersion[],
  pin: string,
  offered: readonly string[],
  where: string,
): RestVersion {
  const version = parseRestVersion(pin);
  if (version === null) {
    throw versionError(
      `"${pin}" is not a REST version for ${where}; write two numbers such as 2.26, or leave it out`,
    );
  }
  if (!isAtLeast(version, oldestRestVersion)) {
    throw versionError(
      `REST version ${pin} is too old for ${where}: ${formatRestVersion(oldestRestVersion)} is the oldest that is enough; the array offers ${listed(offered)}`,
    );
  }
  if (!known.some((each) => compare(each, version) === 0)) {
    throw versionError(
      `${where} does not offer the REST version ${pin}, only ${listed(offered)}; pin one of these, or none`,
    );
  }
  return version;
}

function versionError(message: string): BackendError {
  return new BackendError("ARRAY_VERSION", message, { retry: "never" });
}

function compare(one: RestVersion, other: RestVersion): number {
  return one.major - other.major || one.minor - other.minor;
}

function listed(offered: readonly string[]): string {
  return offered.length === 0 ? "none" : offered.join(", ");
}
