import type { VolumeRecord, VolumeStatus } from "../volume.ts";

/** Which volumes are listed. Tombstones never are. */
export interface VolumeFilter {
  /** Volumes of this project; null: those without a project. Ignored with `allProjects`. */
  readonly projectId: string | null;
  readonly allProjects: boolean;
  readonly status: VolumeStatus | null;
  readonly imageId: string | null;
  readonly limit: number;
  /** Volume id after which the page starts. */
  readonly marker: string | null;
}

/** The durable volume records of one backend. Written by the scripts of the journal and the cache. */
export interface VolumeStore {
  /** The record, also a tombstone; null when there never was one, or its tombstone ran out. */
  get(volumeId: string): Promise<VolumeRecord | null>;
  /** In the order of ids. */
  list(filter: VolumeFilter): Promise<readonly VolumeRecord[]>;
}

/** Where volumes live, across backends; a hint that may be missing. */
export interface VolumeDirectory {
  backendOf(volumeId: string): Promise<string | null>;
  /** Records the backend unless another is recorded; answers the one that is. */
  remember(volumeId: string, backend: string): Promise<string>;
  /** The volume was deleted: its place is remembered as long as its tombstone. */
  forget(volumeId: string): Promise<void>;
}
