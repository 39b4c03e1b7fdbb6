import type { VolumeFilter, VolumeStore } from "../jobs/volume-store.ts";
import type { VolumeRecord } from "../volume.ts";
import { readHashes } from "./read-hashes.ts";
import {
  storeScope,
  type RedisStoreOptions,
  type StoreScope,
} from "./store-scope.ts";
import { volumeOf } from "./volume-fields.ts";

const maxPage = 500;

/** The volume records of one backend in Redis. */
export class RedisVolumeStore implements VolumeStore {
  readonly #scope: StoreScope;

  constructor(options: RedisStoreOptions) {
    this.#scope = storeScope(options);
  }

  async get(volumeId: string): Promise<VolumeRecord | null> {
    const { redis, keys } = this.#scope;
    return volumeOf(
      await redis.call(
        async (client) => await client.hgetall(keys.volume(volumeId)),
      ),
    );
  }

  async list(filter: VolumeFilter): Promise<readonly VolumeRecord[]> {
    const { redis, keys } = this.#scope;
    const index = filter.allProjects
      ? keys.volumesAll
      : keys.volumesOf(filter.projectId);
    const isFiltered = filter.status !== null || filter.imageId !== null;
    const page = isFiltered ? maxPage : Math.min(filter.limit, maxPage);
    const volumes: VolumeRecord[] = [];
    let marker = filter.marker;
    while (volumes.length < filter.limit) {
      const start = marker === null ? "-" : `(${marker}`;
      const ids = await redis.call(
        async (client) =>
          await client.zrangebylex(index, start, "+", "LIMIT", 0, page),
      );
      const hashes = await readHashes(
        redis,
        ids.map((id) => keys.volume(id)),
      );
      volumes.push(
        ...hashes
          .map(volumeOf)
          .filter((volume) => volume !== null)
          .filter((volume) => isWanted(volume, filter)),
      );
      marker = ids.at(-1) ?? marker;
      if (ids.length < page) {
        break;
      }
    }
    return volumes.slice(0, filter.limit);
  }
}

function isWanted(volume: VolumeRecord, filter: VolumeFilter): boolean {
  return (
    volume.status !== "deleted" &&
    (filter.status === null || volume.status === filter.status) &&
    (filter.imageId === null || volume.imageId === filter.imageId)
  );
}
