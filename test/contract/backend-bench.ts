import { randomBytes, randomUUID } from "node:crypto";
import type {
  BackendVolume,
  NewVolume,
  OwnedVolume,
  Seal,
  VolumeBackend,
} from "../../daemon/backends/volume-backend.ts";

/** A backend to be tried, and the means to reach the bytes of its volumes. */
export interface BackendUnderTest extends AsyncDisposable {
  readonly backend: VolumeBackend;
  write(volume: BackendVolume, bytes: Buffer, at: number): Promise<void>;
  /** In hex, over the whole volume. */
  sha256(volume: BackendVolume): Promise<string>;
}

/** Bytes. */
export const mib = 1024 ** 2;
/** For operations that are not aborted. */
export const options = { signal: new AbortController().signal };
/** What a flow would journal. */
export const newAttempt = () => randomBytes(5).toString("hex");

/** Small operations on a backend, for tests. */
export class BackendBench {
  readonly backend: VolumeBackend;
  readonly #held: BackendUnderTest;

  constructor(held: BackendUnderTest) {
    this.backend = held.backend;
    this.#held = held;
  }

  userVolume(volumeId: string = randomUUID()): NewVolume {
    const name = this.backend.nameFor({ kind: "volume", volumeId });
    return { name, sizeBytes: 4 * mib, volumeId, role: "volume" };
  }

  attemptOf(volume: NewVolume): NewVolume {
    const attempt = newAttempt();
    return {
      ...volume,
      name: this.backend.nameFor({ kind: "attempt", attempt }),
    };
  }

  imageVolume(): NewVolume & { readonly entryKey: string } {
    const entryKey = randomBytes(16).toString("hex");
    return {
      entryKey,
      name: this.backend.nameFor({
        kind: "image-volume",
        entryKey,
        attempt: newAttempt(),
      }),
      sizeBytes: 4 * mib,
      volumeId: randomUUID(),
      role: "image-volume",
    };
  }

  async write(volume: BackendVolume, bytes: Buffer, at: number) {
    await this.#held.write(volume, bytes, at);
  }

  async sha256(volume: BackendVolume): Promise<string> {
    return await this.#held.sha256(volume);
  }

  async sealed(): Promise<BackendVolume & { readonly seal: Seal }> {
    const wanted = this.imageVolume();
    const made = await this.backend.createVolume(wanted, options);
    await this.write(made, randomBytes(mib), mib / 2);
    const seal = {
      volumeId: wanted.volumeId,
      entryKey: wanted.entryKey,
      content: `sha256:${"0".repeat(64)}/raw`,
      imageId: randomUUID(),
      virtualSizeBytes: wanted.sizeBytes,
      checksum: null,
      sealedAtMs: Date.now(),
    };
    await this.backend.seal(made, seal, options);
    return { ...made, seal };
  }

  /** As a create does it: under an attempt's name where a clone takes more than one step. */
  async cloneOf(
    from: BackendVolume,
    volume: NewVolume,
  ): Promise<BackendVolume> {
    if (this.backend.capabilities.atomicClone) {
      return await this.backend.cloneVolume(from, volume, options);
    }
    const attempt = this.attemptOf(volume);
    const clone = await this.backend.cloneVolume(from, attempt, options);
    return await this.backend.renameVolume(clone, volume.name, options);
  }

  async names(): Promise<Map<string, OwnedVolume>> {
    const found = new Map<string, OwnedVolume>();
    for await (const volume of this.backend.list(options)) {
      found.set(volume.providerId, volume);
    }
    return found;
  }
}
