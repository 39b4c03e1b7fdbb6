import { BackendError } from "../../errors.ts";
import type { Seal, VolumeLabel } from "../volume-backend.ts";
import type { TagItem } from "./array-items.ts";

/** Where our tags are; others' tags are in other namespaces, and never touched. */
export const tagNamespace = "image-volume-cache";

/** Tag of the create that a finished volume belongs to. */
const createdBy = "created-by";

/** Tag that says which data set made a volume; the only one that clones inherit. */
export const madeBy = "made-by";
/** Tag with the volume's own serial: a copy that has our tags has another serial. */
export const serialTag = "serial";
/** Tag of what {@link createdTags} are for: it was made empty, and completely. */
export const roleTag = "role";
/** Tag with the name that a volume was made under. */
export const madeAs = "made-as";

// Limits of the vendor's OpenAPI file.
const maxValueBytes = 256;
const maxTags = 30;
const noChecksum = "none";

/** A tag as it is written. */
export interface Tag {
  readonly key: string;
  readonly value: string;
  readonly namespace: string;
  readonly copyable: boolean;
}

/** Tags of one volume, in our namespace. */
export type Tags = ReadonlyMap<string, string>;

/** Tags by the id of their volume. */
export function tagsById(items: readonly TagItem[]): Map<string, Tags> {
  const found = new Map<string, Map<string, string>>();
  for (const { key, value, resource } of items) {
    const id = resource.id ?? "";
    const tags = found.get(id) ?? new Map<string, string>();
    tags.set(key, value);
    found.set(id, tags);
  }
  return found;
}

function tag(key: string, value: string): Tag {
  return { key, value, namespace: tagNamespace, copyable: false };
}

/** The mark that clones inherit: whatever carries it came out of this data set. */
export function madeByTag(dataSetId: string): Tag {
  return { ...tag(madeBy, dataSetId), copyable: true };
}

/** Tag of the marker with the ends of users' volumes' names. */
export const volumeSuffixTag = "volume-suffix";
// A tag without a value may not be allowed, and no suffix at all is one.
const suffixStart = "volume-*";

/** Which suffix users' volumes of this data set have. */
export function suffixTag(volumeSuffix: string): Tag {
  return tag(volumeSuffixTag, `${suffixStart}${volumeSuffix}`);
}

/** The suffix that a marker's tags say; null when they say none. */
export function suffixOf(tags: Tags): string | null {
  const value = tags.get(volumeSuffixTag);
  return value?.startsWith(suffixStart) === true
    ? value.slice(suffixStart.length)
    : (value ?? null);
}

/** Of a volume that was made empty. */
export function createdTags(role: string, volumeId: string, name: string) {
  return [
    tag("volume-id", volumeId),
    tag(madeAs, name),
    tag(roleTag, role),
  ] as const;
}

/** For people who look at the array. */
export function labelTags(label: VolumeLabel, serial: string): readonly Tag[] {
  const { volumeId, projectId, imageId, attempt } = label;
  return [
    tag("volume-id", volumeId),
    ...(projectId === null ? [] : [tag("project-id", cut(projectId))]),
    tag("image-id", cut(imageId)),
    tag(createdBy, attempt),
    tag(serialTag, serial),
  ];
}

/** The attempt of a user's volume's label; null when it has none. */
export function labelOf(tags: Tags): string | null {
  return tags.has(serialTag) ? (tags.get(createdBy) ?? "") : null;
}

/** A seal as tags, `sealed-at` last. Texts that may be long have more than one, and a count of them. */
export function sealTags(seal: Seal, serial: string): readonly Tag[] {
  const tags = [
    tag(roleTag, "image-volume"),
    tag("volume-id", seal.volumeId),
    tag("entry", seal.entryKey),
    ...longTags("content", seal.content),
    ...longTags("image-id", seal.imageId),
    tag("virtual-size", String(seal.virtualSizeBytes)),
    tag("checksum", seal.checksum ?? noChecksum),
    tag(serialTag, serial),
    tag("sealed-at", String(seal.sealedAtMs)),
  ];
  if (
    tags.length > maxTags ||
    tags.some(({ value }) => Buffer.byteLength(value) > maxValueBytes)
  ) {
    throw new BackendError(
      "BACKEND_IO",
      `the name of the content of image ${cut(seal.imageId)} is too long for the tags of a FlashArray; use a shorter URL`,
      { retry: "never" },
    );
  }
  return tags;
}

/** The seal that the tags of a volume of this serial say; null when anything is missing or cannot be read. */
export function sealOf(tags: Tags, serial: string): Seal | null {
  const content = longText(tags, "content");
  const imageId = longText(tags, "image-id");
  const checksum = tags.get("checksum");
  const [volumeId, entryKey] = [tags.get("volume-id"), tags.get("entry")];
  const virtualSizeBytes = wholeNumber(tags.get("virtual-size"));
  const sealedAtMs = wholeNumber(tags.get("sealed-at"));
  if (
    content === null ||
    imageId === null ||
    checksum === undefined ||
    virtualSizeBytes === null ||
    sealedAtMs === null ||
    !volumeId ||
    !entryKey ||
    tags.get(serialTag) !== serial
  ) {
    return null;
  }
  return {
    volumeId,
    entryKey,
    content,
    imageId,
    virtualSizeBytes,
    checksum: checksum === noChecksum ? null : checksum,
    sealedAtMs,
  };
}

function longTags(key: string, value: string): readonly Tag[] {
  const parts = partsOf(value);
  return [
    tag(`${key}-parts`, String(parts.length)),
    ...parts.map((part, at) => tag(partKey(key, at), part)),
  ];
}

function longText(tags: Tags, key: string): string | null {
  const count = wholeNumber(tags.get(`${key}-parts`));
  if (count === null || count < 1 || count > maxTags) {
    return null;
  }
  const parts = Array.from({ length: count }, (_, at) =>
    tags.get(partKey(key, at)),
  );
  return parts.every((part) => part !== undefined) ? parts.join("") : null;
}

function partKey(key: string, at: number): string {
  return at === 0 ? key : `${key}-${at + 1}`;
}

function partsOf(value: string): string[] {
  const parts = [""];
  for (const character of value) {
    const longer = `${parts.at(-1)}${character}`;
    if (Buffer.byteLength(longer) <= maxValueBytes) {
      parts[parts.length - 1] = longer;
    } else {
      parts.push(character);
    }
  }
  return parts;
}

function cut(value: string): string {
  return partsOf(value)[0] ?? "";
}

function wholeNumber(value: string | undefined): number | null {
  if (value === undefined || !/^\d{1,16}$/.test(value)) {
    return null;
  }
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : null;
}
