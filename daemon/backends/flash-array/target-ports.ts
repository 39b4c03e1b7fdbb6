import { isIP } from "node:net";
import { BackendError } from "../../errors.ts";
import type { Options } from "../volume-backend.ts";
import type { ArrayClient } from "./array-client.ts";
import { cidrList } from "./cidr-list.ts";
import type { IsAddressAllowed } from "./cidr-list.ts";
import {
  controllerItem,
  networkInterfaceItem,
  portItem,
} from "./host-items.ts";
import type { PortItem } from "./host-items.ts";
import { KeyedQueue } from "./keyed-queue.ts";

const iscsiPort = 3260;
const nvmePort = 4420;
/**
 * Ports change once in months, and three lists for each attachment slow the array's management; half a minute is about
 * what a failover of its controllers takes.
 */
const defaultKeepMs = 30_000;

/** One way to the array's iSCSI target. `portal` is `address:port`, IPv6 in brackets. */
export interface IscsiPortal {
  readonly iqn: string;
  readonly portal: string;
}

/** Where the array's NVMe subsystem is reached. */
export interface NvmeSubsystem {
  readonly nqn: string;
  readonly portals: readonly (readonly [string, number])[];
}

/** What {@link TargetPorts} needs. */
export interface TargetPortsOptions {
  readonly client: ArrayClient;
  readonly iscsiCidrs: readonly string[];
  readonly nvmeCidrs: readonly string[];
  /** How long a list is used before it is read again. */
  readonly keepMs?: number;
}

/** The array's target ports on controllers that are ready, within the ranges that hosts may be given. */
export class TargetPorts {
  readonly #client: ArrayClient;
  readonly #isIscsiAllowed: IsAddressAllowed;
  readonly #isNvmeAllowed: IsAddressAllowed;
  readonly #keepMs: number;
  readonly #queue = new KeyedQueue();
  readonly #kept = new Map<string, { value: unknown; until: number }>();

  constructor({
    client,
    iscsiCidrs,
    nvmeCidrs,
    keepMs = defaultKeepMs,
  }: TargetPortsOptions) {
    this.#client = client;
    this.#isIscsiAllowed = cidrList(iscsiCidrs, "pure_iscsi_cidr_list");
    this.#isNvmeAllowed = cidrList(nvmeCidrs, "pure_nvme_cidr_list");
    this.#keepMs = keepMs;
  }

  /** At least one, without repetition. */
  async iscsi(
    options: Options,
  ): Promise<readonly [IscsiPortal, ...IscsiPortal[]]> {
    return await this.#keep("iscsi", options, async (isReady) => {
      const all = await this.#iscsiPortals(isReady, options);
      const [first, ...others] = all.filter(({ portal }) =>
        this.#isIscsiAllowed(addressOf(portal)),
      );
      if (first === undefined) {
        const portals = all.map(({ portal }) => portal);
        throw noPorts("iSCSI portal", portals, "pure_iscsi_cidr_list");
      }
      return [first, ...others];
    });
  }

  /** At least one portal. A port 4420 may be RoCE as well, so the service of the interface decides. */
  async nvmeTcp(options: Options): Promise<NvmeSubsystem> {
    return await this.#keep("nvme-tcp", options, async (isReady) => {
      const ports = await this.#ports(isReady, options);
      const nqn = ports.find((port) => port.nqn !== null)?.nqn ?? null;
      const all = await this.#addresses("nvme-tcp", isReady, options);
      const portals = all
        .filter(this.#isNvmeAllowed)
        .map((address) => [address, nvmePort] as const);
      if (nqn === null || portals.length === 0) {
        const addresses = nqn === null ? [] : all;
        throw noPorts("NVMe/TCP portal", addresses, "pure_nvme_cidr_list");
      }
      return { nqn, portals };
    });
  }

  /** WWNs of the Fibre Channel ports that talk SCSI, at least one: upper case, without colons, as Cinder gives them. */
  async fibreChannel(options: Options): Promise<readonly string[]> {
    return await this.#keep("fc", options, async (isReady) => {
      const ports = await this.#ports(isReady, options);
      // One with an NQN talks NVMe.
      const wwns = ports.flatMap(({ wwn, nqn }) =>
        wwn === null || nqn !== null
          ? []
          : [wwn.replaceAll(":", "").toUpperCase()],
      );
      if (wwns.length === 0) {
        throw noPorts("Fibre Channel port", []);
      }
      return distinct(wwns, (wwn) => wwn);
    });
  }

  async #iscsiPortals(
    isReady: (port: string) => boolean,
    options: Options,
  ): Promise<readonly IscsiPortal[]> {
    const ports = await this.#ports(isReady, options);
    const direct = ports.flatMap(({ iqn, portal }) =>
      iqn === null || portal === null ? [] : [{ iqn, portal }],
    );
    // The array has one IQN; ports under a bond or a VLAN tell it, but not where they are.
    const iqn = ports.find((port) => port.iqn !== null)?.iqn;
    if (iqn === undefined || iqn === null) {
      return [];
    }
    const known = new Set(direct.map(({ portal }) => addressOf(portal)));
    const addresses = await this.#addresses("iscsi", isReady, options);
    const behind = addresses
      .filter((address) => !known.has(address))
      .map((address) => ({ iqn, portal: portalOf(address, iscsiPort) }));
    return distinct([...direct, ...behind], ({ portal }) => portal);
  }

  /** One reads, those behind it use what it read; a failure is nobody else's. */
  async #keep<T>(
    key: string,
    options: Options,
    read: (isReady: (port: string) => boolean) => Promise<T>,
  ): Promise<T> {
    const readAnew = async (): Promise<T> => {
      const kept = this.#kept.get(key);
      if (kept !== undefined && performance.now() < kept.until) {
        return kept.value as T;
      }
      this.#kept.delete(key);
      const value = await read(await this.#readiness(options));
      this.#kept.set(key, { value, until: performance.now() + this.#keepMs });
      return value;
    };
    return await this.#queue.run(key, readAnew, options);
  }

  async #readiness(options: Options): Promise<(port: string) => boolean> {
    const controllers = await this.#client.list(
      "controllers",
      {},
      controllerItem,
      options,
    );
    const ready = new Set(
      controllers
        .filter(({ status }) => status === "ready")
        .map(({ name }) => name.toUpperCase()),
    );
    return (port) => {
      const [controller] = /^ct\d+(?=\.)/i.exec(port) ?? [];
      // A virtual interface belongs to no controller: it is wherever it is served.
      return controller === undefined || ready.has(controller.toUpperCase());
    };
  }

  async #ports(
    isReady: (port: string) => boolean,
    options: Options,
  ): Promise<readonly PortItem[]> {
    const ports = await this.#client.list("ports", {}, portItem, options);
    return ports.filter(({ name }) => isReady(name));
  }

  async #addresses(
    service: "iscsi" | "nvme-tcp",
    isReady: (port: string) => boolean,
    options: Options,
  ): Promise<readonly string[]> {
    const filter = `services='${service}' and enabled='true'`;
    const interfaces = await this.#client.list(
      "network-interfaces",
      { filter },
      networkInterfaceItem,
      options,
    );
    const addresses = interfaces.flatMap(({ name, enabled, services, eth }) =>
      enabled && services.includes(service) && eth !== null && isReady(name)
        ? [eth]
        : [],
    );
    return distinct(addresses, (address) => address);
  }
}

function portalOf(address: string, port: number): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

function addressOf(portal: string): string {
  return portal.replace(/:\d+$/, "").replaceAll(/[[\]]/g, "");
}

function distinct<T>(
  values: readonly T[],
  keyOf: (value: T) => string,
): readonly T[] {
  const byKey = new Map<string, T>();
  for (const value of values) {
    const key = keyOf(value).toLowerCase();
    if (!byKey.has(key)) {
      byKey.set(key, value);
    }
  }
  return [...byKey.values()];
}

function noPorts(
  what: string,
  found: readonly string[],
  setting?: string,
): BackendError {
  const message =
    found.length === 0 || setting === undefined
      ? `the array has no ${what} on a controller that is ready; look at its ports and interfaces`
      : `no ${what} of the array is within ${setting}; it has ${found.join(", ")}: widen the setting`;
  return new BackendError("NO_TARGET_PORT", message);
}
