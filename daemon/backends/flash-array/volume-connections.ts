import { BackendError } from "../../errors.ts";
import type { Options } from "../volume-backend.ts";
import type { ArrayClient } from "./array-client.ts";
import { ArrayRefusedError } from "./array-errors.ts";
import { connectionItem } from "./host-items.ts";
import type { ConnectionItem } from "./host-items.ts";
import { untilKnown } from "./until-known.ts";

/** Which volumes the hosts of an array see. Every change may be repeated. */
export class VolumeConnections {
  readonly #client: ArrayClient;

  constructor(client: ArrayClient) {
    this.#client = client;
  }

  /** All connections of a volume; none where there is no such volume. */
  async ofVolume(
    volume: string,
    options: Options,
  ): Promise<readonly ConnectionItem[]> {
    const rows = await this.#list({ volume_names: volume }, options);
    return rows.filter((row) => isSameName(row.volume, volume));
  }

  /** True while the host sees a volume, its group's too. */
  async hasVolumes(host: string, options: Options): Promise<boolean> {
    const rows = await this.#list({ host_names: host }, options);
    return rows.length > 0;
  }

  /** The connection of a volume to a host: its own before that of its host group. */
  async find(
    host: string,
    volume: string,
    options: Options,
  ): Promise<ConnectionItem | null> {
    return choose(await this.ofVolume(volume, options), host);
  }

  /** Connects a volume to a host; a connection that is there is used, its group's too. */
  async connect(
    host: string,
    volume: string,
    options: Options,
  ): Promise<ConnectionItem> {
    const found = await this.find(host, volume, options);
    return (
      found ??
      (await untilKnown(
        async () => await this.#post(host, volume, options),
        async () => await this.find(host, volume, options),
      ))
    );
  }

  /** Takes a volume away from a host; not connected = done. */
  async disconnect(
    host: string,
    volume: string,
    options: Options,
  ): Promise<void> {
    await untilKnown(
      async () => {
        await this.#delete(host, volume, options);
        return true;
      },
      async () => {
        const row = await this.find(host, volume, options);
        return row === null || isShared(row) ? true : null;
      },
    );
  }

  async #list(
    query: Readonly<Record<string, string>>,
    options: Options,
  ): Promise<readonly ConnectionItem[]> {
    try {
      return await this.#client.list(
        "connections",
        query,
        connectionItem,
        options,
      );
    } catch (error) {
      if (isGone(error)) {
        return [];
      }
      throw error;
    }
  }

  async #post(
    host: string,
    volume: string,
    options: Options,
  ): Promise<ConnectionItem> {
    const query = { host_names: host, volume_names: volume };
    try {
      const made = await this.#client.write(
        { method: "POST", path: "connections", query },
        connectionItem,
        options,
      );
      const row = choose(made, host);
      if (row !== null) {
        return row;
      }
    } catch (error) {
      if (!(error instanceof ArrayRefusedError)) {
        throw error;
      }
      if (error.says("volume does not exist", "has been destroyed")) {
        throw new BackendError(
          "VOLUME_MISSING",
          `${volume} is not on the array, so it cannot be connected to ${host}`,
          { cause: error, retry: "never" },
        );
      }
      if (!error.says("already exists")) {
        throw error;
      }
    }
    const row = await this.find(host, volume, options);
    if (row === null) {
      throw new BackendError(
        "CONNECTION_MISSING",
        `the array says that ${volume} is connected to ${host}, but does not list it; somebody may have disconnected it meanwhile: ask again`,
      );
    }
    return row;
  }

  async #delete(host: string, volume: string, options: Options): Promise<void> {
    const query = { host_names: host, volume_names: volume };
    try {
      await this.#client.write(
        { method: "DELETE", path: "connections", query },
        connectionItem,
        options,
      );
    } catch (error) {
      if (!isGone(error)) {
        throw error;
      }
    }
  }
}

/** True for the connection of a host group, which its administrator alone may take away. */
export function isShared(row: ConnectionItem): boolean {
  return row.host_group !== null;
}

/** Arrays compare names without regard to case. */
function isSameName(one: string | null, other: string): boolean {
  return one?.toLowerCase() === other.toLowerCase();
}

function choose(
  rows: readonly ConnectionItem[],
  host: string,
): ConnectionItem | null {
  const own = rows.filter((row) => isSameName(row.host, host));
  return own.find((row) => !isShared(row)) ?? own[0] ?? null;
}

function isGone(error: unknown): boolean {
  return (
    error instanceof ArrayRefusedError &&
    error.says("does not exist", "has been destroyed", "no such volume")
  );
}
