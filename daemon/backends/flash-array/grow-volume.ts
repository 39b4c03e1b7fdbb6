import type { BackendVolume, Options } from "../volume-backend.ts";
import { ArrayRefusedError } from "./array-errors.ts";
import { volumeItem } from "./array-items.ts";
import type { ArrayPlace } from "./array-place.ts";
import { isAbsent } from "./array-refusals.ts";
import { changeVolume } from "./change-volume.ts";
import { lookAt, needOurs } from "./own-volumes.ts";
import { untilKnown } from "./until-known.ts";
import { volumeMissing } from "./volume-errors.ts";
import { volumeSize } from "./volume-size.ts";

/**
 * Grows a volume to at least `sizeBytes`; one request when it is a user's, and none when it is large enough. `truncate`
 * is never sent, so that an array refuses what would shrink.
 */
export async function growVolume(
  place: ArrayPlace,
  volume: BackendVolume,
  sizeBytes: number,
  options: Options,
): Promise<BackendVolume> {
  const { providerId } = volume;
  const provisioned = volumeSize(sizeBytes);
  if (volume.sizeBytes >= provisioned) {
    return volume;
  }
  const parsed = place.names.parse(providerId);
  if (parsed?.kind === "volume") {
    const size = await growByName(place, providerId, provisioned, options);
    return { providerId, sizeBytes: size };
  }
  const { item } = await needOurs(place, providerId, options);
  return {
    providerId,
    sizeBytes: await growById(place, item, provisioned, options),
  };
}

/** Grows the volume of this id and tells its size then. */
export async function growById(
  { client, where }: ArrayPlace,
  volume: {
    readonly id: string;
    readonly name: string;
    readonly provisioned: number;
  },
  provisioned: number,
  options: Options,
): Promise<number> {
  if (volume.provisioned >= provisioned) {
    return volume.provisioned;
  }
  const item = await changeVolume(
    client,
    volume.id,
    {
      body: { provisioned },
      isDone: (each) => each.provisioned >= provisioned,
    },
    options,
  );
  if (item === null) {
    throw volumeMissing(volume.name, where);
  }
  return item.provisioned;
}

async function growByName(
  { client, where }: ArrayPlace,
  name: string,
  provisioned: number,
  options: Options,
): Promise<number> {
  const sizeNow = async (): Promise<number | null> => {
    const item = await lookAt(client, name, options);
    if (item === null || item.destroyed) {
      throw volumeMissing(name, where);
    }
    return item.provisioned >= provisioned ? item.provisioned : null;
  };
  const send = async (): Promise<number> => {
    const [item] = await client.write(
      {
        method: "PATCH",
        path: "volumes",
        query: { names: [name] },
        body: { provisioned },
      },
      volumeItem,
      options,
    );
    return item?.provisioned ?? provisioned;
  };
  try {
    return await untilKnown(send, sizeNow);
  } catch (error) {
    if (isAbsent(error)) {
      throw volumeMissing(name, where);
    }
    const size = error instanceof ArrayRefusedError ? await sizeNow() : null;
    if (size === null) {
      throw error;
    }
    return size;
  }
}
