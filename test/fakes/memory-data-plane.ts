import type {
  DataPlane,
  HostAccess,
  LunConnection,
} from "../../simulator/data-plane/data-plane.ts";

/** Sizes, origins and LUNs of a data plane without bytes. The next calls of a kind can be made to fail. */
export class MemoryDataPlane implements DataPlane {
  readonly kind = "iscsi";
  portals: readonly string[] = ["192.0.2.1:3260", "[2001:db8::1]:3260"];
  readonly iqn = "iqn.2010-06.com.purestorage:flasharray.7b1b42b9580af8aa";
  readonly sizes = new Map<string, number>();
  /** What an id was copied from. */
  readonly origins = new Map<string, string>();
  readonly hosts = new Map<string, HostAccess>();
  readonly luns = new Map<string, LunConnection>();
  /** Names of methods that fail from now on. */
  readonly broken = new Set<string>();

  pathOf(id: string): string {
    return `/nonexistent/${id}`;
  }

  async create(id: string, sizeBytes: number): Promise<void> {
    this.#work("create");
    this.sizes.set(id, sizeBytes);
  }

  async clone(fromId: string, id: string): Promise<void> {
    this.#work("clone");
    this.sizes.set(id, this.#sizeOf(fromId));
    this.origins.set(id, fromId);
  }

  async resize(id: string, sizeBytes: number): Promise<void> {
    this.#work("resize");
    this.#sizeOf(id);
    this.sizes.set(id, sizeBytes);
  }

  async remove(id: string): Promise<void> {
    this.#work("remove");
    this.sizes.delete(id);
  }

  async connect(connection: LunConnection): Promise<void> {
    this.#work("connect");
    this.#sizeOf(connection.volumeId);
    if (!this.hosts.has(connection.hostName)) {
      throw new Error(`host ${connection.hostName} was never set`);
    }
    this.luns.set(`${connection.hostName} ${connection.volumeId}`, connection);
  }

  async disconnect(hostName: string, volumeId: string): Promise<void> {
    this.#work("disconnect");
    this.luns.delete(`${hostName} ${volumeId}`);
  }

  async setHost(host: HostAccess): Promise<void> {
    this.#work("setHost");
    this.hosts.set(host.hostName, host);
  }

  async removeHost(hostName: string): Promise<void> {
    this.#work("removeHost");
    this.hosts.delete(hostName);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #work(method: string): void {
    if (this.broken.has(method)) {
      throw new Error(`${method} is broken`);
    }
  }

  #sizeOf(id: string): number {
    const size = this.sizes.get(id);
    if (size === undefined) {
      throw new Error(`${id} has no bytes`);
    }
    return size;
  }
}
