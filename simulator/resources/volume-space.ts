import { stat } from "node:fs/promises";
import type { ArrayModel } from "../model/array-model.ts";
import type { VolumeRecord } from "../model/volume-record.ts";
import type { Endpoint, Item } from "../rest/endpoint.ts";
import { boolean, integer, list, unpagedListing } from "./parameters.ts";
import { pickListed } from "./pick-objects.ts";
import { spaceItem, spaceSince } from "./space-item.ts";

/** `volumes/space`: what is written to each volume, as its file tells; of history only this moment is known. */
export function volumeSpaceEndpoints(model: ArrayModel): readonly Endpoint[] {
  return [
    {
      method: "GET",
      path: "volumes/space",
      since: "2.0",
      query: {
        destroyed: boolean,
        end_time: integer,
        ids: list,
        names: list,
        resolution: integer,
        start_time: integer,
      },
      listing: [...unpagedListing, "total_only"],
      hasTotal: true,
      fieldsSince: spaceSince("volume"),
      handle: ({ query }) =>
        model.read(async () => {
          const volumes = pickListed(model.volumes, query, "Volume");
          const items: Item[] = [];
          for (const volume of volumes) {
            items.push(await itemOf(model, volume));
          }
          return { items };
        }),
    },
  ];
}

/** Bytes that the files of all volumes and snapshots take; shared blocks count for each. */
export async function arrayWrittenBytes(model: ArrayModel): Promise<number> {
  const ids = [
    ...model.volumes.all().map(({ id }) => id),
    ...model.snapshots.keys(),
  ];
  let sum = 0;
  for (const id of ids) {
    sum += await writtenBytes(model, id);
  }
  return sum;
}

async function itemOf(model: ArrayModel, volume: VolumeRecord): Promise<Item> {
  const { id, name, provisioned } = volume;
  const written = await writtenBytes(model, id);
  return {
    id,
    name,
    space: spaceItem(model, "volume", provisioned, written),
    time: model.now(),
  };
}

/** A file that is not there has nothing written. */
async function writtenBytes(model: ArrayModel, id: string): Promise<number> {
  try {
    const { blocks } = await stat(model.dataPlane.pathOf(id));
    return blocks * 512;
  } catch (error) {
    if (Error.isError(error) && "code" in error && error.code === "ENOENT") {
      return 0;
    }
    throw error;
  }
}
