import { ArrayRefusal } from "../array-refusal.ts";
import { checkLive } from "./find-volume.ts";
import type { Tag, VolumeRecord } from "./volume-record.ts";

/** Where tags are when nobody says. */
export const defaultNamespace = "default";

/** A tag as it is asked for. */
export interface NewTag {
  readonly key?: string;
  readonly value?: string;
  readonly namespace?: string;
  readonly copyable?: boolean;
}

/** Sets tags on each volume: key and namespace say which one is replaced. */
export function setTags(
  volumes: readonly VolumeRecord[],
  wanted: readonly NewTag[],
): readonly Tag[] {
  if (wanted.length < 1 || wanted.length > 30) {
    // Invented text.
    throw new ArrayRefusal("Between 1 and 30 tags can be set at once.");
  }
  const tags = wanted.map(checkedTag);
  if (new Set(tags.map(identity)).size < tags.length) {
    // Invented text.
    throw new ArrayRefusal("A tag is given twice.");
  }
  for (const volume of volumes) {
    checkLive(volume);
  }
  for (const volume of volumes) {
    volume.tags = [...without(volume.tags, tags), ...tags];
  }
  return tags;
}

/** Takes tags off; each must be there. */
export function deleteTags(
  volumes: readonly VolumeRecord[],
  keys: readonly string[],
  namespace: string,
): void {
  const gone = keys.map((key) => ({ key, namespace }));
  for (const { name, tags } of volumes) {
    const known = new Set(tags.map(identity));
    const missing = gone.find((tag) => !known.has(identity(tag)));
    if (missing !== undefined) {
      // Invented text; the context is the volume's name.
      throw new ArrayRefusal(`Tag ${missing.key} does not exist.`, name);
    }
  }
  for (const volume of volumes) {
    volume.tags = without(volume.tags, gone);
  }
}

function checkedTag({
  key = "",
  value = "",
  namespace = defaultNamespace,
  copyable = true,
}: NewTag): Tag {
  const isFit =
    key.length >= 1 &&
    key.length <= 64 &&
    value.length <= 256 &&
    namespace.length >= 1 &&
    namespace.length <= 64;
  if (!isFit) {
    // Invented text.
    throw new ArrayRefusal(
      "Tag key, value or namespace has an invalid length.",
      key,
    );
  }
  if (namespace.toLowerCase().startsWith("pure")) {
    // Invented text.
    throw new ArrayRefusal("Tag namespace is reserved.", namespace);
  }
  return { key, value, namespace, copyable };
}

function without(
  tags: readonly Tag[],
  gone: readonly Pick<Tag, "key" | "namespace">[],
): readonly Tag[] {
  const identities = new Set(gone.map(identity));
  return tags.filter((tag) => !identities.has(identity(tag)));
}

function identity({ key, namespace }: Pick<Tag, "key" | "namespace">): string {
  return JSON.stringify([namespace, key]);
}
