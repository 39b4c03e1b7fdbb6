import type { OwnedVolume } from "../volume-backend.ts";
import type { ArrayClient, CallOptions, Query } from "./array-client.ts";
import { tagItem, type VolumeItem, volumeItem } from "./array-items.ts";
import type { ArrayPlace } from "./array-place.ts";
import { isAbsent } from "./array-refusals.ts";
import { markerGone, volumeExists, volumeMissing } from "./volume-errors.ts";
import type { ParsedName } from "./volume-names.ts";
import {
  labelOf,
  madeBy,
  sealOf,
  serialTag,
  tagNamespace,
  type Tags,
  tagsById,
} from "./volume-tags.ts";

/** A volume that was proven to be of this data set. Whatever is done to it is addressed to its `id`, which no other volume ever has. */
export interface OurVolume {
  readonly item: VolumeItem;
  readonly tags: Tags;
}

const noTags: Tags = new Map();
// Ids are 36 characters: a query of about 2 KB.
const idsPerQuestion = 50;

/** The volume of this name, whoever's it is, pending eradication or not; null when there is none. */
export async function lookAt(
  client: ArrayClient,
  name: string,
  options: CallOptions,
): Promise<VolumeItem | null> {
  return await lookUp(client, { names: [name] }, options);
}

/** The volume of this id, whatever it is called by now. */
export async function lookById(
  client: ArrayClient,
  id: string,
  options: CallOptions,
): Promise<VolumeItem | null> {
  return await lookUp(client, { ids: [id] }, options);
}

async function lookUp(
  client: ArrayClient,
  query: Query,
  options: CallOptions,
): Promise<VolumeItem | null> {
  try {
    const items = await client.list("volumes", query, volumeItem, options);
    return items[0] ?? null;
  } catch (error) {
    if (isAbsent(error)) {
      return null;
    }
    throw error;
  }
}

/** Tags of volumes that are all destroyed, or all not; as many per request as a URL may name. */
export async function readTags(
  client: ArrayClient,
  volumes: readonly VolumeItem[],
  options: CallOptions,
): Promise<Map<string, Tags>> {
  const found = new Map<string, Tags>();
  for (let at = 0; at < volumes.length; at += idsPerQuestion) {
    const some = volumes.slice(at, at + idsPerQuestion);
    for (const [id, tags] of await readSomeTags(client, some, options)) {
      found.set(id, tags);
    }
  }
  return found;
}

async function readSomeTags(
  client: ArrayClient,
  volumes: readonly VolumeItem[],
  options: CallOptions,
): Promise<Map<string, Tags>> {
  const isDestroyed = volumes.some(({ destroyed }) => destroyed);
  try {
    const items = await client.list(
      "volumes/tags",
      {
        resource_ids: volumes.map(({ id }) => id),
        namespaces: [tagNamespace],
        ...(isDestroyed ? { resource_destroyed: true } : {}),
      },
      tagItem,
      options,
    );
    return tagsById(items);
  } catch (error) {
    if (!isAbsent(error)) {
      throw error;
    }
    if (volumes.length <= 1) {
      return new Map();
    }
    // One of them is gone meanwhile, and the array refuses the whole question.
    const middle = volumes.length >> 1;
    const first = await readSomeTags(client, volumes.slice(0, middle), options);
    const second = await readSomeTags(client, volumes.slice(middle), options);
    return new Map([...first, ...second]);
  }
}

/**
 * True when the volume came out of this data set, and is itself what its tags, or its tomb's name, were written for. The data set id is the
 * marker's id on this very array, so nothing on another array can pass.
 */
export function isOurs(
  { dataSetId, names }: ArrayPlace,
  { name, serial }: VolumeItem,
  tags: Tags,
): boolean {
  const parsed = names.parse(name);
  return (
    tags.get(madeBy) === dataSetId &&
    (tags.get(serialTag) ?? serial) === serial &&
    (parsed?.kind !== "tomb" || serial.toLowerCase().endsWith(parsed.serialEnd))
  );
}

/** The volume with the proof that it is ours; null when it is not. */
export async function proven(
  place: ArrayPlace,
  item: VolumeItem,
  options: CallOptions,
): Promise<OurVolume | null> {
  const tags =
    (await readTags(place.client, [item], options)).get(item.id) ?? noTags;
  return isOurs(place, item, tags) ? { item, tags } : null;
}

/** The physical names under which an object may be, in the order in which it has them. */
export function physicalNames(
  name: string,
  parsed: ParsedName,
): [string, ...string[]] {
  return parsed.kind === "image-volume" && parsed.isSealed
    ? [parsed.tmp, parsed.img]
    : [name];
}

/** Our volume behind a provider id; null when it is absent, destroyed or not ours. */
export async function findOurs(
  place: ArrayPlace,
  providerId: string,
  options: CallOptions,
): Promise<OurVolume | null> {
  const parsed = place.names.parse(providerId);
  if (parsed === null) {
    return null;
  }
  const [first, ...rest] = physicalNames(providerId, parsed);
  // Most are sealed, so that is looked for first; but what was sealed since has to be found too.
  for (const name of [...rest, first, ...rest]) {
    const item = await lookAt(place.client, name, options);
    if (item !== null && !item.destroyed) {
      const ours = await proven(place, item, options);
      return ours ?? (await confirmedAbsent(place, options));
    }
  }
  return await confirmedAbsent(place, options);
}

/**
 * "Known to be absent" holds only where the data set is: the array's address may lead to another array by now.
 *
 * @throws {BackendError} `BACKEND_CONFLICT` when the marker, by its id, is not there
 */
export async function confirmedAbsent(
  { client, dataSetId, names, where }: ArrayPlace,
  options: CallOptions,
): Promise<null> {
  const marker = await lookById(client, dataSetId, options);
  if (marker === null || marker.destroyed) {
    throw markerGone(names.marker, where);
  }
  return null;
}

/** Our volume behind a provider id. @throws {BackendError} `VOLUME_MISSING` */
export async function needOurs(
  place: ArrayPlace,
  providerId: string,
  options: CallOptions,
): Promise<OurVolume> {
  const found = await findOurs(place, providerId, options);
  if (found === null) {
    throw volumeMissing(providerId, place.where);
  }
  return found;
}

/** Our live volume of exactly this name; null when there is none. @throws {BackendError} `VOLUME_EXISTS` when it is another's, or destroyed */
export async function oursOrNone(
  place: ArrayPlace,
  name: string,
  options: CallOptions,
): Promise<OurVolume | null> {
  const item = await lookAt(place.client, name, options);
  if (item === null) {
    return null;
  }
  const ours = item.destroyed ? null : await proven(place, item, options);
  if (ours === null) {
    throw volumeExists(item, place.where);
  }
  return ours;
}

/** A volume of ours as the port tells it. Only what has its final name is sealed: a restored one has to be checked first. */
export function ownedVolume(
  { names }: ArrayPlace,
  { item, tags }: OurVolume,
): OwnedVolume | null {
  const parsed = names.parse(item.name);
  if (parsed === null) {
    return null;
  }
  const facts = {
    providerId: item.name,
    sizeBytes: item.provisioned,
    volumeId: tags.get("volume-id") ?? null,
    labelledBy: null,
    seal: null,
    createdAtMs: item.created ?? 0,
  };
  switch (parsed.kind) {
    case "volume":
      return {
        ...facts,
        role: "volume",
        volumeId: parsed.volumeId,
        labelledBy: labelOf(tags),
      };
    case "image-volume":
      return {
        ...facts,
        role: "image-volume",
        providerId: parsed.name,
        seal: parsed.isSealed ? sealOf(tags, item.serial) : null,
      };
    case "attempt":
    case "tomb":
      return { ...facts, role: "attempt" };
  }
}
