import type { VolumeDirectory } from "../../daemon/jobs/volume-store.ts";

/** Where volumes live, in memory. */
export class MemoryVolumeDirectory implements VolumeDirectory {
  readonly #backends = new Map<string, string>();

  async backendOf(volumeId: string): Promise<string | null> {
    return this.#backends.get(volumeId) ?? null;
  }

  async remember(volumeId: string, backend: string): Promise<string> {
    const recorded = this.#backends.get(volumeId) ?? backend;
    this.#backends.set(volumeId, recorded);
    return recorded;
  }

  async forget(volumeId: string): Promise<void> {
    this.#backends.delete(volumeId);
  }
}
