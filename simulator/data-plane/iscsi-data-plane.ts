import { rm } from "node:fs/promises";
import path from "node:path";
import type { DataPlane, HostAccess, LunConnection } from "./data-plane.ts";
import { FileDataPlane } from "./file-data-plane.ts";
import { IscsiHost } from "./iscsi-host.ts";
import { LoginDesk } from "./login-desk.ts";

/** Where volumes are, and on which addresses hosts find them. */
export interface IscsiDataPlaneOptions {
  readonly folder: string;
  /** Portals: local addresses, each with or without `:port`. Two by default, as an array has several. */
  readonly addresses?: readonly string[];
}

/** Volumes as files that hosts reach by iSCSI: each host has LUNs of its own behind one target name. */
export class IscsiDataPlane implements DataPlane {
  readonly kind = "iscsi";
  readonly iqn: string;
  readonly portals: readonly string[];
  readonly #files: FileDataPlane;
  readonly #desk: LoginDesk;
  readonly #tgtFolder: string;
  readonly #hosts: Map<string, IscsiHost>;
  #hostCount = 0;

  private constructor(
    files: FileDataPlane,
    desk: LoginDesk,
    tgtFolder: string,
    hosts: Map<string, IscsiHost>,
  ) {
    this.#files = files;
    this.#desk = desk;
    this.#tgtFolder = tgtFolder;
    this.#hosts = hosts;
    this.iqn = files.iqn;
    this.portals = desk.portals;
  }

  static async create({
    folder,
    addresses = ["127.0.0.1", "127.0.0.2"],
  }: IscsiDataPlaneOptions): Promise<IscsiDataPlane> {
    const files = await FileDataPlane.create({ folder });
    const tgtFolder = path.join(path.resolve(folder), ".tgtd");
    // Sockets and locks of a process that was killed.
    await rm(tgtFolder, { recursive: true, force: true });
    const hosts = new Map<string, IscsiHost>();
    const portalFor = async (initiator: string) => {
      const host = [...hosts.values()].find((each) => {
        return each.isInitiator(initiator);
      });
      return (await host?.portal()) ?? null;
    };
    const desk = await LoginDesk.open({ iqn: files.iqn, addresses, portalFor });
    return new IscsiDataPlane(files, desk, tgtFolder, hosts);
  }

  pathOf(id: string): string {
    return this.#files.pathOf(id);
  }

  async create(id: string, sizeBytes: number): Promise<void> {
    await this.#files.create(id, sizeBytes);
  }

  /** The bytes of a volume that is written meanwhile are of one moment only where the file system shares blocks. */
  async clone(fromId: string, id: string): Promise<void> {
    await this.#files.clone(fromId, id);
    for (const host of this.#hosts.values()) {
      await host.republish(id);
    }
  }

  async resize(id: string, sizeBytes: number): Promise<void> {
    await this.#files.resize(id, sizeBytes);
    for (const host of this.#hosts.values()) {
      await host.resized(id);
    }
  }

  async remove(id: string): Promise<void> {
    for (const host of this.#hosts.values()) {
      await host.disconnect(id);
    }
    await this.#files.remove(id);
  }

  async connect(connection: LunConnection): Promise<void> {
    await this.#host(connection.hostName).connect(connection);
  }

  async disconnect(hostName: string, volumeId: string): Promise<void> {
    await this.#hosts.get(hostName)?.disconnect(volumeId);
  }

  async setHost(host: HostAccess): Promise<void> {
    await this.#host(host.hostName).setAccess(host);
  }

  async removeHost(hostName: string): Promise<void> {
    const host = this.#hosts.get(hostName);
    this.#hosts.delete(hostName);
    await host?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const hosts = [...this.#hosts.keys()];
    await Promise.all([
      this.#desk[Symbol.asyncDispose](),
      ...hosts.map(async (hostName) => await this.removeHost(hostName)),
    ]);
    await rm(this.#tgtFolder, { recursive: true, force: true });
  }

  #host(hostName: string): IscsiHost {
    const known = this.#hosts.get(hostName);
    if (known !== undefined) {
      return known;
    }
    this.#hostCount += 1;
    const host = new IscsiHost({
      hostName,
      folder: path.join(this.#tgtFolder, String(this.#hostCount)),
      iqn: this.iqn,
      pathOf: (volumeId) => this.pathOf(volumeId),
    });
    this.#hosts.set(hostName, host);
    return host;
  }
}
