import { ArrayRefusal } from "../array-refusal.ts";
import { isAtLeast, type Version } from "../version.ts";

/** A volume's name in parts; `group` is the group's full name. */
export interface VolumeName {
  readonly pod: string | null;
  readonly group: string | null;
  readonly leaf: string;
}

/** Takes `pod::group/volume`, `pod::volume`, `group/volume` or `volume` apart. */
export function splitVolumeName(name: string): VolumeName {
  const podEnd = name.lastIndexOf("::");
  const pod = podEnd < 0 ? null : name.slice(0, podEnd);
  const local = podEnd < 0 ? name : name.slice(podEnd + 2);
  const groupEnd = local.indexOf("/");
  if (groupEnd < 0) {
    return { pod, group: null, leaf: local };
  }
  const group = local.slice(0, groupEnd);
  return {
    pod,
    group: pod === null ? group : `${pod}::${group}`,
    leaf: local.slice(groupEnd + 1),
  };
}

/** A volume's name out of its parts. */
export function joinVolumeName({ pod, group, leaf }: VolumeName): string {
  if (group !== null) {
    return `${group}/${leaf}`;
  }
  return pod === null ? leaf : `${pod}::${leaf}`;
}

/** Refuses what is no name of a volume in this version; the 63 characters are those of the last part. */
export function checkVolumeName(name: string, version: Version): VolumeName {
  const parts = splitVolumeName(name);
  checkPart("Volume", parts.leaf, name);
  if (
    parts.pod !== null &&
    parts.group !== null &&
    !isAtLeast(version, "2.20")
  ) {
    // Invented text: groups in pods came with 2.20.
    throw new ArrayRefusal("Volume groups in pods are not supported.", name);
  }
  return parts;
}

/** Kinds of objects, as they are called in the array's messages. */
type Kind =
  | "Volume"
  | "Volume group"
  | "Pod"
  | "Host"
  | "Host group"
  | "Protection group";

const kindsWithUnderscore: ReadonlySet<Kind> = new Set([
  "Volume",
  "Volume group",
]);

/** Refuses what is no name of that kind; `context` is the whole name that was given. */
export function checkPart(
  kind: Kind,
  part: string,
  context: string = part,
): void {
  const hasUnderscore = kindsWithUnderscore.has(kind);
  const body = hasUnderscore ? "[A-Za-z0-9_-]" : "[A-Za-z0-9-]";
  const shape = new RegExp(`^[A-Za-z0-9](?:${body}{0,61}[A-Za-z0-9])?$`, "u");
  const signs = hasUnderscore
    ? "alphanumeric, '_' and '-'"
    : "alphanumeric and '-'";
  const rule = `${kind} name must be between 1 and 63 characters (${signs}) in length and begin and end with a letter or number.`;
  if (!shape.test(part)) {
    throw new ArrayRefusal(rule, context);
  }
  if (!/[A-Za-z_-]/u.test(part)) {
    const more = hasUnderscore ? "letter, '_', or '-'" : "letter or '-'";
    throw new ArrayRefusal(
      `${rule} The name must include at least one ${more}.`,
      context,
    );
  }
}

/** Refuses what is no suffix of a snapshot. */
export function checkSuffix(suffix: string): void {
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?$/u.test(suffix)) {
    // Invented text.
    throw new ArrayRefusal(
      "Volume snapshot suffix must be between 1 and 64 characters (alphanumeric and '-') in length and begin and end with a letter or number.",
      suffix,
    );
  }
}
