import { BackendError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { Options } from "../volume-backend.ts";
import type { ArrayClient } from "./array-client.ts";
import { ArrayRefusedError } from "./array-errors.ts";
import { findHost } from "./find-host.ts";
import type { ConnectionItem } from "./host-items.ts";
import type { HostNames } from "./host-names.ts";
import { HostRecords } from "./host-records.ts";
import type { WantedHost } from "./host-records.ts";
import type { Initiator } from "./initiator.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import { type LunRotation, processLuns } from "./lun-rotation.ts";
import {
  type EnsuredConnection,
  isShared,
  VolumeConnections,
} from "./volume-connections.ts";

const maxAttempts = 4;

/** What {@link HostAccess} needs. */
export interface HostAccessOptions {
  readonly client: ArrayClient;
  readonly names: HostNames;
  readonly logger: Logger;
  /** Of volumes that are written; default those of the process. */
  readonly luns?: LunRotation;
}

/** A host that sees a volume now. */
export interface Connected extends EnsuredConnection {
  readonly hostName: string;
}

/**
 * Lets hosts see volumes, and takes these away. LUNs are used again within a second, so all that concerns one host is done
 * one by one; the turn of an initiator is taken before that of its host.
 */
export class HostAccess {
  readonly #client: ArrayClient;
  readonly #names: HostNames;
  readonly #logger: Logger;
  readonly #hosts: HostRecords;
  readonly #connections: VolumeConnections;
  readonly #luns: LunRotation;
  readonly #queue = new KeyedQueue();

  constructor(options: HostAccessOptions) {
    const { client, names, logger, luns = processLuns } = options;
    this.#client = client;
    this.#names = names;
    this.#logger = logger;
    this.#hosts = new HostRecords({ client, names, logger });
    this.#connections = new VolumeConnections(client);
    this.#luns = luns;
  }

  /** All connections of a volume; none where there is no such volume. */
  async ofVolume(
    volume: string,
    options: Options,
  ): Promise<readonly ConnectionItem[]> {
    return await this.#connections.ofVolume(volume, options);
  }

  /**
   * Connects a volume to the host with the initiator, which is made where there is none. Instances use a connection that
   * is there; a writer gets a new one, at a LUN of our choice.
   */
  async connect(
    wanted: WantedHost,
    volume: string,
    options: Options,
  ): Promise<Connected> {
    return await this.#queue.run(
      keyOf(wanted.initiator),
      async () => await this.#connect(wanted, volume, options),
      options,
    );
  }

  /** Takes a volume away from the host with the initiator. No such host, or not connected = done. */
  async disconnectInitiator(
    initiator: Initiator,
    volume: string,
    options: Options,
  ): Promise<void> {
    const task = async (): Promise<void> => {
      const host = await findHost(this.#client, initiator, options);
      if (host !== null) {
        await this.disconnect(host.name, volume, options);
      }
    };
    await this.#queue.run(keyOf(initiator), task, options);
  }

  /** Takes a volume away from a host; a host that was made for a connector goes with its last one. */
  async disconnect(
    hostName: string,
    volume: string,
    options: Options,
  ): Promise<void> {
    const task = async (): Promise<void> => {
      const found = await this.#connections.find(hostName, volume, options);
      if (found !== null && isShared(found)) {
        this.#logger.warn("volume is connected to a host group, left so", {
          volume,
          host: hostName,
          hostGroup: found.host_group,
        });
      } else if (found !== null) {
        await this.#connections.disconnect(hostName, volume, options);
        this.#logger.debug("volume disconnected", { volume, host: hostName });
      }
      await this.#removeIfIdle(hostName, options);
    };
    await this.#queue.run(hostKey(hostName), task, options);
  }

  async #connect(
    wanted: WantedHost,
    volume: string,
    options: Options,
  ): Promise<Connected> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { name } = await this.#hosts.ensure(wanted, options);
        const ensured = await this.#queue.run(
          hostKey(name),
          async () => await this.#connectTo(name, wanted.role, volume, options),
          options,
        );
        const { lun } = ensured.connection;
        this.#logger.debug("volume connected", { volume, host: name, lun });
        return { hostName: name, ...ensured };
      } catch (error) {
        // Another daemon took the last volume of the host away meanwhile, and the host with it.
        const isHostGone =
          error instanceof ArrayRefusedError &&
          error.says("host does not exist");
        if (!isHostGone || attempt === maxAttempts) {
          throw error;
        }
      }
    }
  }

  async #connectTo(
    hostName: string,
    role: WantedHost["role"],
    volume: string,
    options: Options,
  ): Promise<EnsuredConnection> {
    const connections = this.#connections;
    try {
      if (role === "connector") {
        return await connections.connect(hostName, volume, options);
      }
      const luns = this.#luns;
      return {
        connection: await connections.connectAnew(
          hostName,
          volume,
          luns,
          options,
        ),
        isNew: true,
      };
    } catch (error) {
      // Nobody will terminate what never was, so the host that was made for it would stay.
      if (error instanceof BackendError && error.code === "VOLUME_MISSING") {
        await this.#removeIfIdle(hostName, options);
      }
      throw error;
    }
  }

  async #removeIfIdle(hostName: string, options: Options): Promise<void> {
    if (
      this.#names.isConnector(hostName) &&
      !(await this.#connections.hasVolumes(hostName, options))
    ) {
      await this.#hosts.remove(hostName, options);
    }
  }
}

function keyOf({ names }: Initiator): string {
  return `initiator ${names[0].toLowerCase()}`;
}

function hostKey(hostName: string): string {
  return `host ${hostName.toLowerCase()}`;
}
