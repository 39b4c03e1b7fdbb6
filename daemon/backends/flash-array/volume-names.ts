import { BackendError } from "../../errors.ts";
import type { ObjectName } from "../volume-backend.ts";

// The array's limit for the last part of a name.
const maxLength = 63;
const tombLength = "-x000000".length;
const maxPrefix =
  maxLength - tombLength - "-tmp-000000000000-0000000000".length;
const maxSuffix = maxLength - tombLength - "volume-".length - 36;
const maxContainer = 63;

const attemptPattern = /^[0-9a-f]{10}$/;
const entryPattern = /^[0-9a-f]{12}/;
const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

/** How names are made. */
export interface NameSettings {
  readonly prefix: string;
  /** Ends the name of each user's volume. */
  readonly volumeSuffix: string;
  readonly pod: string | null;
  readonly volumeGroup: string | null;
}

/**
 * What a name means. An image-volume has two physical names, of which one is there: `tmp` until it is sealed, `img`
 * since; `name` is its logical one, which is the `img` one. A tomb is what a volume is renamed to before it is
 * destroyed, so that its own name is free at once.
 */
export type ParsedName =
  | { readonly kind: "volume"; readonly volumeId: string }
  | { readonly kind: "attempt" }
  | {
      readonly kind: "image-volume";
      readonly name: string;
      readonly img: string;
      readonly tmp: string;
      readonly isSealed: boolean;
    }
  | {
      readonly kind: "tomb";
      /** What it was called. */
      readonly of: string;
      readonly isRestorable: boolean;
      readonly serialEnd: string;
    };

/** Names of everything that we have on an array. */
export interface VolumeNames {
  /** `pod::`, `group/`, both or nothing: the start of all names. */
  readonly container: string;
  readonly marker: string;
  /** Ends the name of each user's volume. */
  readonly volumeSuffix: string;
  nameFor(object: ObjectName): string;
  /** Null for a name that we never give. */
  parse(name: string): ParsedName | null;
  /** The last part of a name, which is what a rename takes. */
  leafOf(name: string): string;
  tombOf(name: string, serial: string, isRestorable: boolean): string;
  /** A filter for everything of ours, the marker, and more: to be parsed. */
  readonly everything: string;
  /** A filter for the image-volumes of an entry, tombs included, and more. */
  ofEntry(entryKey: string): string;
}

/** @throws {BackendError} `CONFIG_INVALID` when names of these parts could be too long or are not allowed on an array */
export function volumeNames(settings: NameSettings): VolumeNames {
  checkSettings(settings);
  const { prefix, volumeSuffix, pod, volumeGroup } = settings;
  const container = `${pod === null ? "" : `${pod}::`}${volumeGroup === null ? "" : `${volumeGroup}/`}`;
  const parse = nameParser(container, prefix, volumeSuffix);
  const img = `${container}${prefix}-img-`;
  const tmp = `${container}${prefix}-tmp-`;
  return {
    container,
    marker: `${container}${prefix}-data-set`,
    volumeSuffix,
    nameFor: (object) => {
      switch (object.kind) {
        case "volume":
          return `${container}volume-${object.volumeId}${volumeSuffix}`;
        case "image-volume":
          return `${img}${checkedEntry(object.entryKey)}-${checkedAttempt(object.attempt)}`;
        case "attempt":
          return `${tmp}${checkedAttempt(object.attempt)}`;
      }
    },
    parse,
    leafOf: (name) => name.slice(container.length),
    tombOf: (name, serial, isRestorable) =>
      `${name}-${isRestorable ? "r" : "x"}${serial.slice(-6).toLowerCase()}`,
    everything: `name='${container}${prefix}-data-set' or name='${img}*' or name='${tmp}*' or name='${container}volume-*${volumeSuffix}*'`,
    ofEntry: (entryKey) => `name='${img}${checkedEntry(entryKey)}-*'`,
  };
}

function nameParser(
  container: string,
  prefix: string,
  volumeSuffix: string,
): VolumeNames["parse"] {
  const volume = new RegExp(`^volume-(${uuid})${volumeSuffix}$`);
  const attempt = new RegExp(`^${prefix}-tmp-[0-9a-f]{10}$`);
  const image = new RegExp(`^${prefix}-(img|tmp)-([0-9a-f]{12}-[0-9a-f]{10})$`);
  const tomb = /^(.+)-([xr])([0-9a-f]{6})$/;
  const parseLeaf = (leaf: string): ParsedName | null => {
    const volumeId = volume.exec(leaf)?.[1];
    if (volumeId !== undefined) {
      return { kind: "volume", volumeId };
    }
    if (attempt.test(leaf)) {
      return { kind: "attempt" };
    }
    const [, state, rest] = image.exec(leaf) ?? [];
    if (rest !== undefined) {
      const img = `${container}${prefix}-img-${rest}`;
      const tmp = `${container}${prefix}-tmp-${rest}`;
      const isSealed = state === "img";
      return { kind: "image-volume", name: img, img, tmp, isSealed };
    }
    const [, of = "", mark, serialEnd = ""] = tomb.exec(leaf) ?? [];
    const inner = of === "" ? null : parseLeaf(of);
    return inner === null || inner.kind === "tomb"
      ? null
      : {
          kind: "tomb",
          of: `${container}${of}`,
          isRestorable: mark === "r",
          serialEnd,
        };
  };
  return (name) =>
    name.startsWith(container) ? parseLeaf(name.slice(container.length)) : null;
}

function checkSettings(settings: NameSettings): void {
  const { prefix, volumeSuffix, pod, volumeGroup } = settings;
  if (!/^[A-Za-z0-9](?:[\w-]*[A-Za-z0-9])?$/.test(prefix)) {
    throw unusable("prefix", prefix, "letters, digits, - and _ between them");
  }
  if (prefix.length > maxPrefix) {
    throw unusable("prefix", prefix, `at most ${maxPrefix} characters`);
  }
  if (!/^(?:[\w-]*[A-Za-z0-9])?$/.test(volumeSuffix)) {
    const need = "letters, digits, - and _, a letter or digit last";
    throw unusable("volume suffix", volumeSuffix, need);
  }
  if (volumeSuffix.length > maxSuffix) {
    const need = `at most ${maxSuffix} characters`;
    throw unusable("volume suffix", volumeSuffix, need);
  }
  for (const [what, name] of [
    ["pod", pod],
    ["volume group", volumeGroup],
  ] as const) {
    if (
      name !== null &&
      (name.length > maxContainer ||
        !/^[A-Za-z0-9](?:[\w-]*[A-Za-z0-9])?$/.test(name))
    ) {
      throw unusable(what, name, `at most ${maxContainer} letters, digits, -`);
    }
  }
}

function unusable(what: string, value: string, need: string): BackendError {
  return new BackendError(
    "CONFIG_INVALID",
    `"${value}" cannot be the ${what} of volumes on a FlashArray: need ${need}`,
    { retry: "never" },
  );
}

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

function checkedEntry(entryKey: string): string {
  const short = entryPattern.exec(entryKey)?.[0];
  if (short === undefined) {
    throw new BackendError(
      "BACKEND_IO",
      `"${entryKey}" is not an entry key: need 12 hex digits or more`,
      { retry: "never" },
    );
  }
  return short;
}
