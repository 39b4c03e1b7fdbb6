import { BackendError } from "../../errors.ts";
import type { Options } from "../volume-backend.ts";
import type { ArrayClient } from "./array-client.ts";
import { ArrayRefusedError } from "./array-errors.ts";
import { connectionItem } from "./host-items.ts";
import type { ConnectionItem } from "./host-items.ts";
import type { LunRotation } from "./lun-rotation.ts";
import { untilKnown } from "./until-known.ts";

const maxLuns = 4;

/** A connection that is there now. */
export interface EnsuredConnection {
  readonly connection: ConnectionItem;
  /** It was not there before. */
  readonly isNew: boolean;
}

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
  ): Promise<EnsuredConnection> {
    const found = await this.find(host, volume, options);
    if (found !== null) {
      return { connection: found, isNew: false };
    }
    const made = await untilKnown(
      async () => await this.#post(host, volume, options),
      async () => await this.find(host, volume, options),
    );
    return { connection: made, isNew: true };
  }

  /**
   * Connects a volume to a writer's host, at a LUN that no volume had there for long. A connection that is there was
   * left by a dead attempt: it is made anew, so whatever may still write to its LUN fails. That of a group is used.
   */
  async connectAnew(
    host: string,
    volume: string,
    luns: LunRotation,
    options: Options,
  ): Promise<ConnectionItem> {
    const taken = new Set<number>();
    const left = await this.find(host, volume, options);
    if (left !== null && isShared(left)) {
      return left;
    }
    if (left !== null) {
      await this.disconnect(host, volume, options);
      taken.add(left.lun ?? 0);
    }
    for (let attempt = 1; ; attempt += 1) {
      const lun = luns.next(taken);
      if (lun === null) {
        throw new BackendError(
          "BACKEND_IO",
          `${volume} cannot be connected to ${host}: all its LUNs are in use; disconnect what nobody needs`,
        );
      }
      try {
        return await untilKnown(
          async () => await this.#post(host, volume, options, { lun }),
          async () => await this.find(host, volume, options),
        );
      } catch (error) {
        const isLast = attempt === maxLuns || !(error instanceof BackendError);
        if (
          isLast ||
          !(await this.#isTaken(error, host, lun, taken, options))
        ) {
          throw error;
        }
      }
    }
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

  /** Whether a LUN was refused because something has it, however the array says that; all such are added to `taken`. */
  async #isTaken(
    error: BackendError,
    host: string,
    lun: number,
    taken: Set<number>,
    options: Options,
  ): Promise<boolean> {
    if (
      !(error instanceof ArrayRefusedError) &&
      error.code !== "CONNECTION_MISSING"
    ) {
      return false;
    }
    const rows = await this.#list({ host_names: host }, options);
    for (const row of rows) {
      taken.add(row.lun ?? 0);
    }
    return rows.some((row) => row.lun === lun);
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
    body?: { readonly lun: number },
  ): Promise<ConnectionItem> {
    const query = { host_names: host, volume_names: volume };
    try {
      const made = await this.#client.write(
        {
          method: "POST",
          path: "connections",
          query,
          ...(body !== undefined && { body }),
        },
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
