import type { VolumeDirectory } from "../jobs/volume-store.ts";
import type { RedisConnection } from "./connection.ts";
import { volumeDirectoryKey } from "./keys.ts";
import { luaCommand } from "./lua-command.ts";

const memoryS = 30 * 24 * 3_600;

interface Whereabouts {
  readonly volumeId: string;
  readonly backend: string;
}

const rememberBackend = luaCommand<
  Whereabouts,
  string,
  { readonly redis: RedisConnection }
>("remember-backend", {
  keys: (p) => [volumeDirectoryKey(p.volumeId)],
  args: (p) => [p.backend, memoryS],
  reply: ([recorded]) => String(recorded),
});

/** Where volumes live, in Redis; forgotten when nobody asked for 30 days. */
export class RedisVolumeDirectory implements VolumeDirectory {
  readonly #redis: RedisConnection;

  constructor(options: { readonly redis: RedisConnection }) {
    this.#redis = options.redis;
  }

  async backendOf(volumeId: string): Promise<string | null> {
    return await this.#redis.call(
      async (client) =>
        await client.getex(volumeDirectoryKey(volumeId), "EX", memoryS),
    );
  }

  async remember(volumeId: string, backend: string): Promise<string> {
    return await rememberBackend({ redis: this.#redis }, { volumeId, backend });
  }
}
