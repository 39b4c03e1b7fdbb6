import { BackendError } from "../../errors.ts";
import type { Options } from "../volume-backend.ts";
import type { ArrayClient } from "./array-client.ts";
import { type VolumeItem, volumeItem } from "./array-items.ts";
import { unprotected } from "./array-place.ts";
import { isTaken } from "./array-refusals.ts";
import { writeTags } from "./change-volume.ts";
import { keepSuffix, type ReadMarker } from "./marker-suffix.ts";
import { type ContainerPlace, openContainer } from "./open-container.ts";
import { lookAt, readTags } from "./own-volumes.ts";
import { untilKnown } from "./until-known.ts";
import { markerGone } from "./volume-errors.ts";
import { madeBy, madeByTag, suffixOf, suffixTag } from "./volume-tags.ts";

const markerBytes = 1024 ** 2;
const maxTries = 3;

/** Where the marker is, or is to be. */
export interface MarkerPlace extends ContainerPlace {
  readonly marker: string;
  readonly volumeSuffix: string;
}

/**
 * The id of the marker volume, which is the id of the data set: 1 MiB, empty, never connected. It carries its own id as
 * the tag that all its clones inherit. Made where it is absent; two daemons that start at once end with the same one.
 */
export async function openMarker(
  place: MarkerPlace,
  options: Options,
): Promise<string> {
  await openContainer(place, options);
  const { client, marker } = place;
  for (let tries = 1; ; tries += 1) {
    const found = await lookAt(client, marker, options);
    if (found !== null) {
      return await adoptMarker(place, found, options);
    }
    try {
      const made = await untilKnown(
        async () => await postMarker(place, options),
        async () => await lookAt(client, marker, options),
      );
      if (made !== null) {
        return await adoptMarker(place, made, options);
      }
    } catch (error) {
      if (!isTaken(error) || tries >= maxTries) {
        throw error;
      }
    }
  }
}

/** The marker, read again. @throws {BackendError} `BACKEND_CONFLICT` when it is gone or no longer plainly ours */
export async function readMarker(
  {
    client,
    where,
    marker,
  }: {
    readonly client: ArrayClient;
    readonly where: string;
    readonly marker: string;
  },
  options: Options,
): Promise<ReadMarker> {
  const found = await lookAt(client, marker, options);
  if (found === null) {
    throw markerGone(marker, where);
  }
  checkMarker(found, { marker, where });
  const tags = (await readTags(client, [found], options)).get(found.id);
  if (tags?.get(madeBy) !== found.id) {
    throw conflict(found.name, where, "it does not carry its own id as tag");
  }
  return { id: found.id, suffix: suffixOf(tags) };
}

async function postMarker(
  { client, marker }: MarkerPlace,
  options: Options,
): Promise<VolumeItem | null> {
  const items = await client.write(
    {
      method: "POST",
      path: "volumes",
      query: { names: [marker], ...unprotected(client) },
      body: { provisioned: markerBytes },
    },
    volumeItem,
    options,
  );
  return items[0] ?? null;
}

async function adoptMarker(
  place: MarkerPlace,
  found: VolumeItem,
  options: Options,
): Promise<string> {
  const { client, where, volumeSuffix } = place;
  checkMarker(found, place);
  const tags = (await readTags(client, [found], options)).get(found.id);
  const carried = tags?.get(madeBy);
  if (carried !== undefined && carried !== found.id) {
    throw conflict(found.name, where, "it is a copy of another marker");
  }
  if (tags === undefined || carried === undefined) {
    const own = [madeByTag(found.id), suffixTag(volumeSuffix)];
    await writeTags(client, found.id, own, options);
  } else {
    const read = { id: found.id, suffix: suffixOf(tags) };
    await keepSuffix(place, read, options);
  }
  return found.id;
}

function checkMarker(
  found: VolumeItem,
  { marker, where }: Pick<MarkerPlace, "marker" | "where">,
): void {
  const { name } = found;
  if (name !== marker) {
    throw conflict(name, where, `its name is not spelled ${marker}`);
  }
  if (found.destroyed) {
    throw new BackendError(
      "BACKEND_CONFLICT",
      `the marker volume ${name} on ${where} is destroyed and pending eradication; recover it, since all volumes of this cache belong to it, or start anew with another prefix`,
      { retry: "never" },
    );
  }
  if (found.provisioned !== markerBytes) {
    const size = `it has ${found.provisioned} bytes instead of ${markerBytes}`;
    throw conflict(name, where, size);
  }
  if ((found.connection_count ?? 0) > 0) {
    throw conflict(name, where, "it is connected to hosts");
  }
  if (found.source.id !== null || found.source.name !== null) {
    const source = found.source.name ?? found.source.id ?? "";
    throw conflict(name, where, `it is a copy of ${source}`);
  }
  if (found.subtype !== null && found.subtype !== "regular") {
    throw conflict(name, where, `it is of the type ${found.subtype}`);
  }
}

function conflict(name: string, where: string, why: string): BackendError {
  return new BackendError(
    "BACKEND_CONFLICT",
    `${name} on ${where} is not the marker volume of this cache: ${why}; it was left as it is: choose another prefix, or rename that volume`,
    { retry: "never" },
  );
}
