import { BackendError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type {
  ConnectionInfo,
  Connector,
  IscsiTarget,
  Options,
} from "../volume-backend.ts";
import type { ArrayClient } from "./array-client.ts";
import { chapPassword } from "./chap-secret.ts";
import { lunOf } from "./connection-number.ts";
import { fcConnection } from "./fc-connection.ts";
import { type Connected, HostAccess } from "./host-access.ts";
import { writersInitiator } from "./host-errors.ts";
import { hostNames } from "./host-names.ts";
import type { HostNames } from "./host-names.ts";
import type { WantedHost } from "./host-records.ts";
import { comparable, initiatorOf, iscsiInitiator } from "./initiator.ts";
import type { Initiator, Protocol } from "./initiator.ts";
import { iscsiConnection } from "./iscsi-connection.ts";
import { nvmeConnection } from "./nvme-connection.ts";
import { chapOf, openWriteTarget, undoOptions } from "./open-write-target.ts";
import type { ReachableVolume, WritableVolume } from "./open-write-target.ts";
import { formatRestVersion, isAtLeast } from "./rest-version.ts";
import type { RestVersion } from "./rest-version.ts";
import { TargetPorts } from "./target-ports.ts";
import { isShared } from "./volume-connections.ts";

/** The first REST version whose arrays talk NVMe/TCP (Cinder: Purity 6.4.2). */
const nvmeSince: RestVersion = { major: 2, minor: 21 };

/** What {@link HostConnections} needs. */
export interface HostConnectionsOptions {
  readonly client: ArrayClient;
  readonly node: string;
  readonly prefix: string;
  readonly protocol: Protocol;
  /** Null: without CHAP. The same for all daemons that work on the array. */
  readonly chapSecret: string | null;
  /** Of hosts that are made for connectors; null: the array's default, which is Linux. */
  readonly personality: string | null;
  /** Ranges of the portals that are told; empty: all. */
  readonly iscsiCidrs: readonly string[];
  readonly nvmeCidrs: readonly string[];
  /** The daemon's own IQN. */
  readonly initiatorName: string;
  readonly logger: Logger;
}

/** Who reaches a volume now. */
export interface HostOfVolume {
  /** Of a host group without hosts: the group's. */
  readonly hostName: string;
  /** A daemon with this prefix that writes an image, or died while it did. */
  readonly isWriter: boolean;
  /** By its host group. */
  readonly isShared: boolean;
}

/** Who may reach which volume: the daemon, to write images, and the hosts of instances. */
export class HostConnections {
  readonly #settings: HostConnectionsOptions;
  readonly #names: HostNames;
  readonly #access: HostAccess;
  readonly #ports: TargetPorts;

  constructor(settings: HostConnectionsOptions) {
    const { client, prefix, iscsiCidrs, nvmeCidrs, logger } = settings;
    this.#settings = settings;
    this.#names = hostNames(prefix);
    this.#access = new HostAccess({ client, names: this.#names, logger });
    this.#ports = new TargetPorts({ client, iscsiCidrs, nvmeCidrs });
  }

  /** Lets this daemon write the volume: over iSCSI, whatever instances use. Disposing takes the volume away; the host stays. */
  async openTarget(
    volume: WritableVolume,
    options: Options,
  ): Promise<IscsiTarget> {
    const { node, initiatorName, logger } = this.#settings;
    const initiator = iscsiInitiator(initiatorName);
    return await openWriteTarget(
      {
        access: this.#access,
        portals: await this.#ports.iscsi(options),
        wanted: this.#wanted("writer", initiator, node),
        logger,
        undo: async () =>
          await this.releaseWriter(volume.physicalName, undoOptions()),
      },
      volume,
      options,
    );
  }

  /** Lets a host reach the volume; done already = the same answer. */
  async initialize(
    volume: ReachableVolume & { readonly volumeId: string },
    connector: Connector,
    options: Options,
  ): Promise<ConnectionInfo> {
    const { protocol } = this.#settings;
    const initiator = initiatorOf(protocol, connector);
    switch (protocol) {
      case "iscsi":
        return await this.#initializeIscsi(
          volume,
          this.#wanted("connector", initiator, connector.host),
          options,
        );
      case "nvme-tcp":
        return await this.#initializeNvme(
          volume,
          this.#wanted("connector", initiator, connector.host),
          options,
        );
      case "fc":
        return await this.#initializeFc(volume, initiator, connector, options);
    }
  }

  /** Undoes it, without a connector for all hosts; connections of host groups stay. */
  async terminate(
    physicalName: string,
    connector: Connector | null,
    options: Options,
  ): Promise<void> {
    if (connector !== null) {
      const initiator = initiatorOf(this.#settings.protocol, connector);
      await this.#access.disconnectInitiator(initiator, physicalName, options);
      return;
    }
    for (const host of await this.connectionsOf(physicalName, options)) {
      if (host.isShared) {
        this.#settings.logger.warn(
          "volume is connected to a host group, left so",
          { volume: physicalName, host: host.hostName },
        );
      } else {
        await this.#access.disconnect(host.hostName, physicalName, options);
      }
    }
  }

  /** Who reaches the volume, each host once. */
  async connectionsOf(
    physicalName: string,
    options: Options,
  ): Promise<readonly HostOfVolume[]> {
    const rows = await this.#access.ofVolume(physicalName, options);
    return rows.map((row) => {
      const hostName = row.host ?? row.host_group ?? "";
      return {
        hostName,
        isWriter: this.#names.isWriter(hostName),
        isShared: isShared(row),
      };
    });
  }

  /** Takes the volume away from every daemon of this prefix: the one that was writing it is gone. */
  async releaseWriter(physicalName: string, options: Options): Promise<void> {
    for (const host of await this.connectionsOf(physicalName, options)) {
      if (host.isWriter && !host.isShared) {
        await this.#access.disconnect(host.hostName, physicalName, options);
      }
    }
  }

  async #initializeIscsi(
    { physicalName, serial }: ReachableVolume,
    wanted: WantedHost,
    options: Options,
  ): Promise<ConnectionInfo> {
    const portals = await this.#ports.iscsi(options);
    const connected = await this.#access.connect(wanted, physicalName, options);
    const lun = await this.#lunOf(connected, physicalName);
    const chap = chapOf(connected.hostName, wanted);
    return iscsiConnection({ portals, lun, serial, chap });
  }

  async #initializeNvme(
    { physicalName, serial }: ReachableVolume,
    wanted: WantedHost,
    options: Options,
  ): Promise<ConnectionInfo> {
    const { version } = this.#settings.client;
    if (!isAtLeast(version, nvmeSince)) {
      throw new BackendError(
        "PROTOCOL_UNSUPPORTED",
        `NVMe/TCP needs REST ${formatRestVersion(nvmeSince)} or newer, but ${formatRestVersion(version)} is used with the array; update Purity, or use iscsi`,
        { retry: "never" },
      );
    }
    const subsystem = await this.#ports.nvmeTcp(options);
    await this.#access.connect(wanted, physicalName, options);
    const hostNqn = wanted.initiator.names[0];
    return nvmeConnection({ subsystem, serial, hostNqn });
  }

  async #initializeFc(
    { physicalName, serial }: ReachableVolume,
    initiator: Initiator,
    { host, wwpns }: Connector,
    options: Options,
  ): Promise<ConnectionInfo> {
    const targetWwns = await this.#ports.fibreChannel(options);
    const connected = await this.#access.connect(
      this.#wanted("connector", initiator, host),
      physicalName,
      options,
    );
    const lun = await this.#lunOf(connected, physicalName);
    return fcConnection({ targetWwns, initiatorWwpns: wwpns, lun, serial });
  }

  /** What was connected in vain is disconnected: nobody will ask for that. */
  async #lunOf(
    { hostName, connection, isNew }: Connected,
    physicalName: string,
  ): Promise<number> {
    try {
      return lunOf(connection);
    } catch (error) {
      if (isNew) {
        await this.#undo(hostName, physicalName);
      }
      throw error;
    }
  }

  async #undo(hostName: string, volume: string): Promise<void> {
    try {
      await this.#access.disconnect(hostName, volume, undoOptions());
    } catch (error) {
      const fields = { volume, host: hostName, error };
      this.#settings.logger.warn("volume may still be connected", fields);
    }
  }

  #wanted(
    role: WantedHost["role"],
    initiator: Initiator,
    whose: string,
  ): WantedHost {
    const { chapSecret, personality, initiatorName } = this.#settings;
    const [first] = initiator.names;
    // Its host may not be there yet.
    const isOwn = comparable(first) === comparable(initiatorName);
    if (role === "connector" && isOwn) {
      throw writersInitiator(initiator);
    }
    const hasChap = chapSecret !== null && initiator.attribute === "iqns";
    return {
      role,
      initiator,
      name:
        role === "writer"
          ? this.#names.writer(whose)
          : this.#names.connector(whose, first),
      personality: role === "writer" ? null : personality,
      chapPassword: hasChap ? chapPassword(chapSecret, first, role) : null,
    };
  }
}
