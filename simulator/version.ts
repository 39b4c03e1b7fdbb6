/** A REST version: two integers, so that 2.9 is older than 2.26. */
export type Version = `2.${number}`;

/** True when `version` is `since` or newer. */
export function isAtLeast(version: Version, since: Version): boolean {
  return minorOf(version) >= minorOf(since);
}

function minorOf(version: Version): number {
  return Number(version.slice(2));
}
