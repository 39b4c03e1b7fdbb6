import type { VolumeDirectory } from "../jobs/volume-store.ts";
import type { RedisConnection } from "./connection.ts";
import { volumeDirectoryKey } from "./keys.ts";
import { luaCommand } from "./lua-command.ts";

/** As long as a deleted volume is remembered, and a day. */
const forgetS = 8 * 24 * 3_600;

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
  args: (p) => [p.backend],
  reply: ([recorded]) => String(recorded),
});

/** Where volumes live, in Redis; kept as long as the volume. */
export class RedisVolumeDirectory implements VolumeDirectory {
  readonly #redis: RedisConnection;

  constructor(options: { readonly redis: RedisConnection }) {
    this.#redis = options.redis;
  }

  async backendOf(volumeId: string): Promise<string | null> {
    return await this.#redis.call(
      async (client) => await client.get(volumeDirectoryKey(volumeId)),
    );
  }

  async remember(volumeId: string, backend: string): Promise<string> {
    return await rememberBackend({ redis: this.#redis }, { volumeId, backend });
  }

  async forget(volumeId: string): Promise<void> {
    await this.#redis.call(
      async (client) =>
        await client.expire(volumeDirectoryKey(volumeId), forgetS),
    );
  }
}
