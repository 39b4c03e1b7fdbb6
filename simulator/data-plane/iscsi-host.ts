import type { HostAccess, LunConnection } from "./data-plane.ts";
import { TgtDaemon } from "./tgt-daemon.ts";

/** What a host's LUNs are made of. */
export interface IscsiHostOptions {
  readonly hostName: string;
  /** For its tgtd, which makes and removes it. */
  readonly folder: string;
  readonly iqn: string;
  readonly pathOf: (volumeId: string) => string;
}

// A tgtd that dies again and again waits for the next request, lest it is started for ever.
const maxRevivals = 3;

/**
 * One host as an array sees it: its LUN numbers, who may log in, and the tgtd of its own that does it. Changes go one
 * after another. The tgtd runs while there are LUNs or a CHAP account, and comes back with them when it dies.
 */
export class IscsiHost implements AsyncDisposable {
  readonly #options: IscsiHostOptions;
  readonly #luns = new Map<string, LunConnection>();
  /** Volumes whose LUN shows what was before. */
  readonly #stale = new Set<string>();
  #access: HostAccess;
  #daemon: TgtDaemon | null = null;
  #revivals = 0;
  #lastPort: number | null = null;
  #isDisposed = false;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: IscsiHostOptions) {
    this.#options = options;
    this.#access = { hostName: options.hostName, iqns: [], chap: null };
  }

  isInitiator(iqn: string): boolean {
    const name = iqn.toLowerCase();
    return this.#access.iqns.some((own) => own.toLowerCase() === name);
  }

  /** Where its initiators are sent; null while there is nothing to log in to. */
  async portal(): Promise<string | null> {
    return await this.#inTurn(async () => {
      await this.#refresh();
      const daemon = await this.#running();
      return daemon?.portal ?? null;
    });
  }

  async connect(connection: LunConnection): Promise<void> {
    await this.#inTurn(async () => {
      const { volumeId, lun, serial } = connection;
      const former = this.#luns.get(volumeId);
      if (former?.lun === lun && former.serial === serial) {
        await this.#running();
        return;
      }
      const daemon = await this.#running();
      if (former !== undefined) {
        await daemon?.unpublish(former.lun);
      }
      this.#luns.set(volumeId, connection);
      try {
        if (daemon === null) {
          await this.#running();
        } else {
          await this.#publish(daemon, connection);
        }
      } catch (error) {
        // Another try must not find it done.
        this.#luns.delete(volumeId);
        await daemon?.unpublish(lun).catch(() => {});
        throw error;
      }
    });
  }

  async disconnect(volumeId: string): Promise<void> {
    await this.#inTurn(async () => {
      const connection = this.#luns.get(volumeId);
      if (connection === undefined) {
        return;
      }
      this.#luns.delete(volumeId);
      this.#stale.delete(volumeId);
      if (this.#isWanted()) {
        const daemon = await this.#running();
        // What cannot be taken back ends with the tgtd, which comes back without it.
        await daemon?.unpublish(connection.lun).catch(() => this.#stop());
        await this.#running();
      }
      await this.#stopUnwanted();
    });
  }

  /** After the volume's file was replaced: sessions that are there see the new bytes, or an error. */
  async republish(volumeId: string): Promise<void> {
    await this.#inTurn(async () => {
      this.#stale.add(volumeId);
      await this.#refresh();
    });
  }

  /** After the volume's size changed: sessions that are there go on undisturbed until the host's next login. */
  async resized(volumeId: string): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#luns.has(volumeId)) {
        return;
      }
      this.#stale.add(volumeId);
      const daemon = await this.#running();
      if ((await daemon?.hasSessions()) === false) {
        await this.#refresh();
      }
    });
  }

  async setAccess(access: HostAccess): Promise<void> {
    await this.#inTurn(async () => {
      this.#access = access;
      const daemon = await this.#running();
      await daemon?.setAccess(access);
      await this.#stopUnwanted();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#luns.clear();
    await this.#inTurn(async () => {
      await this.#stop();
    });
  }

  #isWanted(): boolean {
    const hasReason = this.#luns.size > 0 || this.#access.chap !== null;
    return hasReason && !this.#isDisposed;
  }

  /** Its tgtd with all that is wanted, started when it is not there; null when nothing is. */
  async #running(): Promise<TgtDaemon | null> {
    if (!this.#isWanted()) {
      return null;
    }
    if (this.#daemon?.isRunning === true) {
      return this.#daemon;
    }
    await this.#stop();
    const { folder, iqn } = this.#options;
    const daemon = await TgtDaemon.start({
      folder,
      iqn,
      port: this.#lastPort,
      onDeath: () => this.#revive(),
    });
    this.#daemon = daemon;
    this.#lastPort = daemon.port;
    try {
      await daemon.setAccess(this.#access);
      for (const connection of this.#luns.values()) {
        await this.#publish(daemon, connection);
      }
    } catch (error) {
      // Half a host must not be taken for a whole one.
      await this.#stop();
      throw error;
    }
    return daemon;
  }

  async #refresh(): Promise<void> {
    for (const volumeId of this.#stale) {
      const connection = this.#luns.get(volumeId);
      const daemon = connection === undefined ? null : await this.#running();
      if (connection !== undefined && daemon !== null) {
        await daemon.unpublish(connection.lun);
        await this.#publish(daemon, connection);
      }
      this.#stale.delete(volumeId);
    }
  }

  async #publish(daemon: TgtDaemon, connection: LunConnection): Promise<void> {
    const { lun, volumeId, serial } = connection;
    await daemon.publish(lun, this.#options.pathOf(volumeId), serial);
  }

  #revive(): void {
    if (this.#revivals >= maxRevivals) {
      return;
    }
    this.#revivals += 1;
    const run = async () => await this.#running();
    // When this fails, the next request tries it again, and tells its caller.
    this.#queue = this.#queue.then(run).catch(() => {});
  }

  async #stopUnwanted(): Promise<void> {
    if (!this.#isWanted()) {
      await this.#stop();
    }
  }

  async #stop(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = null;
    await daemon?.[Symbol.asyncDispose]();
  }

  async #inTurn<T>(step: () => Promise<T>): Promise<T> {
    this.#revivals = 0;
    const done = this.#queue.then(step);
    this.#queue = done.catch(() => {});
    return await done;
  }
}
