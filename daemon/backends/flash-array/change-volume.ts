import { BackendError } from "../../errors.ts";
import type { ArrayClient, CallOptions, Query } from "./array-client.ts";
import { ArrayRefusedError, UnknownOutcomeError } from "./array-errors.ts";
import { anyItem, type VolumeItem, volumeItem } from "./array-items.ts";
import type { ArrayPlace } from "./array-place.ts";
import { lookById } from "./own-volumes.ts";
import { untilKnown } from "./until-known.ts";
import type { Tag } from "./volume-tags.ts";

/** One PATCH of a volume, and how to see that it was done. */
export interface VolumeChange {
  readonly body: Readonly<Record<string, unknown>>;
  readonly isDone: (item: VolumeItem) => boolean;
}

/** A volume as it was looked at. */
export type SeenVolume = Pick<VolumeItem, "id" | "name">;

/** How a change ended: `item` is null when the volume is gone. */
interface Changed {
  readonly item: VolumeItem | null;
}

/** Which volume a PATCH is for, and when it can be no more. */
interface Target {
  readonly id: string;
  readonly query: Query;
  readonly isElsewhere: (item: VolumeItem) => boolean;
  /** Undoes what was done to a volume that somebody has put in its place. */
  readonly putBack: (other: VolumeItem) => Promise<void>;
}

/** Sends one PATCH to the volume of this id. Refused or unknown: its state decides. Null when the volume is gone. */
export async function changeVolume(
  client: ArrayClient,
  id: string,
  change: VolumeChange,
  options: CallOptions,
): Promise<VolumeItem | null> {
  const target = {
    id,
    query: { ids: [id] },
    isElsewhere: () => false,
    putBack: async () => await Promise.resolve(),
  };
  return await patch(client, target, change, options);
}

/**
 * The same only as long as the volume has the name that was seen, which is never used again: what somebody else has
 * renamed meanwhile is left to them. Null when it is gone, or has another name by now.
 */
export async function changeNamed(
  client: ArrayClient,
  { id, name }: SeenVolume,
  change: VolumeChange,
  options: CallOptions,
  putBack: Target["putBack"] = async () => await Promise.resolve(),
): Promise<VolumeItem | null> {
  const isElsewhere = (item: VolumeItem) => item.name !== name;
  const target = { id, query: { names: [name] }, isElsewhere, putBack };
  return await patch(client, target, change, options);
}

async function patch(
  client: ArrayClient,
  { id, query, isElsewhere, putBack }: Target,
  { body, isDone }: VolumeChange,
  options: CallOptions,
): Promise<VolumeItem | null> {
  const send = async (): Promise<Changed> => {
    const items = await client.write(
      { method: "PATCH", path: "volumes", query, body },
      volumeItem,
      options,
    );
    // An array answers a change that changes nothing with 200 and no items.
    const item = items[0] ?? (await lookById(client, id, options));
    if (item !== null && item.id !== id) {
      await putBack(item);
      throw otherVolume(item, id);
    }
    if (item !== null && !isDone(item)) {
      throw new UnknownOutcomeError(`PATCH of volume ${item.name}`);
    }
    return { item };
  };
  const readBack = async (): Promise<Changed | null> => {
    const item = await lookById(client, id, options);
    if (item === null || isDone(item)) {
      return { item };
    }
    return isElsewhere(item) ? { item: null } : null;
  };
  try {
    return (await untilKnown(send, readBack)).item;
  } catch (error) {
    if (!(error instanceof ArrayRefusedError)) {
      throw error;
    }
    const known = await readBack();
    if (known === null) {
      throw error;
    }
    return known.item;
  }
}

function otherVolume({ name, id }: VolumeItem, wanted: string): BackendError {
  return new BackendError(
    "BACKEND_CONFLICT",
    `a change for the volume ${wanted} went to ${name} (${id}), which somebody has put in its place since it was looked at; look at both on the array`,
    { retry: "never" },
  );
}

/** Renames the volume of this id, whatever it is called. */
export async function renameById(
  place: Pick<ArrayPlace, "client" | "names">,
  id: string,
  name: string,
  options: CallOptions,
): Promise<VolumeItem | null> {
  return await rename(
    place,
    name,
    async (change) => await changeVolume(place.client, id, change, options),
  );
}

/** Renames a volume that still has the name that was seen; null when it has not. */
export async function renameNamed(
  place: Pick<ArrayPlace, "client" | "names">,
  seen: SeenVolume,
  name: string,
  options: CallOptions,
): Promise<VolumeItem | null> {
  const putBack = async (other: VolumeItem): Promise<void> => {
    await renameById(place, other.id, seen.name, options);
  };
  return await rename(
    place,
    name,
    async (change) =>
      await changeNamed(place.client, seen, change, options, putBack),
  );
}

/**
 * Some drivers send the whole name, others the last part alone; the whole one goes first, since an array that takes the
 * other refuses it, and never takes it for a move out of the pod or group.
 */
async function rename(
  { names }: Pick<ArrayPlace, "names">,
  name: string,
  send: (change: VolumeChange) => Promise<VolumeItem | null>,
): Promise<VolumeItem | null> {
  const isDone = (item: VolumeItem) => item.name === name && !item.destroyed;
  try {
    return await send({ body: { name }, isDone });
  } catch (error) {
    const mayBeLeaf =
      names.container !== "" &&
      error instanceof ArrayRefusedError &&
      error.says("name must be between", "cannot move volume through rename");
    if (!mayBeLeaf) {
      throw error;
    }
    return await send({ body: { name: names.leafOf(name) }, isDone });
  }
}

/** Sets tags of the volume of this id, all at once. Setting them again does no harm, so nothing has to be read back. */
export async function writeTags(
  client: ArrayClient,
  id: string,
  tags: readonly Tag[],
  options: CallOptions,
): Promise<void> {
  const send = async () =>
    await client.write(
      {
        method: "PUT",
        path: "volumes/tags/batch",
        query: { resource_ids: [id] },
        body: tags,
      },
      anyItem,
      options,
    );
  await untilKnown(send, async () => await Promise.resolve(null));
}
