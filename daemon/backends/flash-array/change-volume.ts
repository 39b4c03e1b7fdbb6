import type { ArrayClient, CallOptions } from "./array-client.ts";
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

/** How a change ended: `item` is null when the volume is gone. */
interface Changed {
  readonly item: VolumeItem | null;
}

/** Sends one PATCH to the volume of this id. Refused or unknown: its state decides. Null when the volume is gone. */
export async function changeVolume(
  client: ArrayClient,
  id: string,
  { body, isDone }: VolumeChange,
  options: CallOptions,
): Promise<VolumeItem | null> {
  const send = async (): Promise<Changed> => {
    const items = await client.write(
      { method: "PATCH", path: "volumes", query: { ids: [id] }, body },
      volumeItem,
      options,
    );
    // An array answers a change that changes nothing with 200 and no items.
    const item = items[0] ?? (await lookById(client, id, options));
    if (item !== null && !isDone(item)) {
      throw new UnknownOutcomeError(`PATCH of volume ${item.name}`);
    }
    return { item };
  };
  const readBack = async (): Promise<Changed | null> => {
    const item = await lookById(client, id, options);
    return item === null || isDone(item) ? { item } : null;
  };
  try {
    return (await untilKnown(send, readBack)).item;
  } catch (error) {
    if (!(error instanceof ArrayRefusedError)) {
      throw error;
    }
    const done = await readBack();
    if (done === null) {
      throw error;
    }
    return done.item;
  }
}

/**
 * Renames the volume of this id. Some drivers send the whole name, others the last part alone; the whole one goes first,
 * since an array that takes the other refuses it, and never takes it for a move out of the pod or group.
 */
export async function renameById(
  { client, names }: Pick<ArrayPlace, "client" | "names">,
  id: string,
  name: string,
  options: CallOptions,
): Promise<VolumeItem | null> {
  const isDone = (item: VolumeItem) => item.name === name && !item.destroyed;
  try {
    return await changeVolume(client, id, { body: { name }, isDone }, options);
  } catch (error) {
    const mayBeLeaf =
      names.container !== "" &&
      error instanceof ArrayRefusedError &&
      error.says("name must be between", "cannot move volume through rename");
    if (!mayBeLeaf) {
      throw error;
    }
    const body = { name: names.leafOf(name) };
    return await changeVolume(client, id, { body, isDone }, options);
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
