import path from "node:path";
import { BackendError } from "../../errors.ts";
import type { ObjectName, OwnedVolume } from "../volume-backend.ts";

/** Folder of the sidecars, below the root. */
export const metaFolder = ".meta";

const attemptPattern = /^[0-9a-f]{10}$/;
const patterns = {
  volume: /^volume-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/,
  "image-volume": /^image-[0-9a-f]{12}-[0-9a-f]{10}$/,
  attempt: /^\.ivc-[0-9a-f]{10}$/,
} as const;

function checkedAttempt(attempt: string): string {
  if (!attemptPattern.test(attempt)) {
    throw new BackendError(
      "BACKEND_IO",
      `"${attempt}" is not an attempt: need 10 hex digits`,
      { retry: "never" },
    );
  }
  return attempt;
}

/** Name of the file that holds an object. */
export function fileName(object: ObjectName): string {
  switch (object.kind) {
    case "volume":
      return `volume-${object.volumeId}`;
    case "image-volume":
      return `image-${object.entryKey.slice(0, 12)}-${checkedAttempt(object.attempt)}`;
    case "attempt":
      return `.ivc-${checkedAttempt(object.attempt)}`;
  }
}

/** What a file of this name is here; null for a name that we never give. */
export function roleOf(name: string): OwnedVolume["role"] | null {
  for (const role of ["volume", "image-volume", "attempt"] as const) {
    if (patterns[role].test(name)) {
      return role;
    }
  }
  return null;
}

/** The volume id that a user's volume carries in its name; null for other names. */
export function volumeIdIn(name: string): string | null {
  return patterns.volume.exec(name)?.[1] ?? null;
}

/** Absolute path of a file of ours; throws for any name that we never give, so that no path leaves the root. */
export function filePath(root: string, name: string): string {
  if (roleOf(name) === null) {
    throw new BackendError(
      "VOLUME_NOT_OURS",
      `"${name}" is not a name that this backend gives; nothing was touched`,
      { retry: "never" },
    );
  }
  return path.join(root, name);
}
