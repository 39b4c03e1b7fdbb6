import { randomUUID } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { DataPlane } from "../data-plane/data-plane.ts";
import { type ArraySettings, defaultArraySettings } from "./array-settings.ts";
import type {
  PodRecord,
  ProtectionGroupRecord,
  VolumeGroupRecord,
} from "./container-record.ts";
import { eradicateExpired, hasExpired } from "./eradicate.ts";
import type {
  ConnectionRecord,
  HostGroupRecord,
  HostRecord,
} from "./host-record.ts";
import { NamedObjects } from "./named-objects.ts";
import { ensureProtectionGroup } from "./protection.ts";
import type { SnapshotRecord, VolumeRecord } from "./volume-record.ts";

/** What an array is made of. */
export interface ArrayModelOptions {
  readonly clock: Clock;
  readonly dataPlane: DataPlane;
  readonly settings?: Partial<ArraySettings>;
}

/**
 * The state of one array. Changes run one after another, each after the eradications that are due; what they need of the
 * data plane is done first, so that its errors leave the state as it was.
 */
export class ArrayModel {
  static create(options: ArrayModelOptions): Promise<ArrayModel> {
    return Promise.resolve(new ArrayModel(options));
  }

  readonly settings: ArraySettings;
  readonly dataPlane: DataPlane;
  readonly id = randomUUID();
  readonly volumes = new NamedObjects<VolumeRecord>();
  readonly snapshots = new Map<string, SnapshotRecord>();
  readonly volumeGroups = new NamedObjects<VolumeGroupRecord>();
  readonly pods = new NamedObjects<PodRecord>();
  readonly hosts = new NamedObjects<HostRecord>();
  readonly hostGroups = new NamedObjects<HostGroupRecord>();
  readonly protectionGroups = new NamedObjects<ProtectionGroupRecord>();
  readonly #clock: Clock;
  #connections: readonly ConnectionRecord[] = [];
  #lastSerial = 0x1_0fff;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(options: ArrayModelOptions) {
    this.settings = { ...defaultArraySettings(), ...options.settings };
    this.dataPlane = options.dataPlane;
    this.#clock = options.clock;
  }

  get connections(): readonly ConnectionRecord[] {
    return this.#connections;
  }

  now(): number {
    return this.#clock.now();
  }

  addConnections(added: readonly ConnectionRecord[]): void {
    this.#connections = [...this.#connections, ...added];
  }

  removeConnections(removed: readonly ConnectionRecord[]): void {
    this.#connections = this.#connections.filter(
      (connection) => !removed.includes(connection),
    );
  }

  /** 24 hex digits: 16 of the array's id, then a counter that never goes back. */
  nextSerial(): string {
    this.#lastSerial += 1;
    const array = this.id.replaceAll("-", "").slice(0, 16);
    const counter = this.#lastSerial.toString(16).padStart(8, "0");
    return `${array}${counter}`.toUpperCase();
  }

  /** Runs `work` when all changes before it are done. */
  async change<T>(work: () => T | Promise<T>): Promise<T> {
    const turn = this.#queue.then(async () => {
      this.#adoptSettings();
      await eradicateExpired(this);
      return await work();
    });
    this.#queue = turn.catch(() => {});
    return await turn;
  }

  /** Runs `work` on a state without objects whose time is over. */
  async read<T>(work: () => T | Promise<T>): Promise<T> {
    if (hasExpired(this)) {
      await this.change(() => {});
    }
    this.#adoptSettings();
    return await work();
  }

  #adoptSettings(): void {
    for (const { name, retentionLock } of this.settings.defaultProtection) {
      ensureProtectionGroup(this, name, retentionLock);
    }
  }
}
