import { randomBytes } from "node:crypto";
import { statfs } from "node:fs/promises";
import { throwIfAborted } from "../../errors.ts";
import type {
  BackendCapabilities,
  BackendVolume,
  ConnectionInfo,
  Connector,
  NewVolume,
  ObjectName,
  Options,
  OwnedVolume,
  Seal,
  VolumeBackend,
  WriteTarget,
} from "../volume-backend.ts";
import { cloneSealed } from "./clone-sealed.ts";
import { createFile } from "./create-file.ts";
import { deleteFile } from "./delete-file.ts";
import { extendFile } from "./extend-file.ts";
import { fileError } from "./file-error.ts";
import type { FileFolder } from "./file-folder.ts";
import { fileName, roleOf } from "./file-names.ts";
import { readMarker } from "./file-root.ts";
import { renameFile } from "./rename-file.ts";
import { sealFile } from "./seal-file.ts";

// The block of disks and of direct I/O.
const unitBytes = 4096;
const notAborted: Options = { signal: new AbortController().signal };

function roundUp(sizeBytes: number): number {
  return Math.ceil(sizeBytes / unitBytes) * unitBytes;
}

/** What a {@link FileBackend} is made of. */
export interface FileBackendParts {
  readonly name: string;
  readonly host: string;
  readonly folder: FileFolder;
  readonly isReflink: boolean;
}

/** Volumes as raw, sparse files in one folder; clones share blocks where the file system can. */
export class FileBackend implements VolumeBackend {
  readonly name: string;
  readonly host: string;
  readonly capabilities: BackendCapabilities;
  readonly #folder: FileFolder;

  constructor({ name, host, folder, isReflink }: FileBackendParts) {
    this.name = name;
    this.host = host;
    this.capabilities = {
      clone: isReflink ? "reflink" : "copy",
      atomicClone: false,
      trash: false,
    };
    this.#folder = folder;
  }

  async identity({ signal }: Options): Promise<string> {
    return await this.#try(
      "reading the marker file",
      signal,
      async () => await readMarker(this.#folder.root),
    );
  }

  nameFor(object: ObjectName): string {
    return fileName(object);
  }

  async createVolume(
    volume: NewVolume,
    { signal }: Options,
  ): Promise<BackendVolume> {
    const { name } = volume;
    const sizeBytes = roundUp(volume.sizeBytes);
    return await this.#try(`creating ${name}`, signal, async () => {
      await createFile(this.#folder, volume, sizeBytes);
      return { providerId: name, sizeBytes };
    });
  }

  async cloneVolume(
    from: BackendVolume,
    volume: NewVolume,
    options: Options,
  ): Promise<BackendVolume> {
    const { name, volumeId } = volume;
    if (roleOf(name) === "attempt") {
      return await this.#clone(from, name, options);
    }
    const present = await this.find(name, options);
    if (present?.volumeId === volumeId) {
      return present;
    }
    // Making a file and filling it are two steps: nobody may see the first one alone under a volume's own name.
    const attempt = randomBytes(5).toString("hex");
    const attemptName = fileName({ kind: "attempt", attempt });
    try {
      const made = await this.#clone(from, attemptName, options);
      return await this.renameVolume(made, name, options);
    } catch (error) {
      await this.deleteVolume(attemptName, notAborted);
      throw error;
    }
  }

  async renameVolume(
    volume: BackendVolume,
    name: string,
    { signal }: Options,
  ): Promise<BackendVolume> {
    const what = `renaming ${volume.providerId} to ${name}`;
    return await this.#try(
      what,
      signal,
      async () => await renameFile(this.#folder, volume.providerId, name),
    );
  }

  async extendVolume(
    volume: BackendVolume,
    sizeBytes: number,
    { signal }: Options,
  ): Promise<BackendVolume> {
    const { providerId } = volume;
    return await this.#try(`extending ${providerId}`, signal, async () => ({
      providerId,
      sizeBytes: await extendFile(this.#folder, providerId, roundUp(sizeBytes)),
    }));
  }

  async deleteVolume(providerId: string, { signal }: Options): Promise<void> {
    await this.#try(
      `deleting ${providerId}`,
      signal,
      async () => await deleteFile(this.#folder, providerId),
    );
  }

  async find(
    providerId: string,
    { signal }: Options,
  ): Promise<OwnedVolume | null> {
    return await this.#try(
      `looking for ${providerId}`,
      signal,
      async () => await this.#folder.find(providerId),
    );
  }

  async openTarget(
    { providerId }: BackendVolume,
    { signal }: Options,
  ): Promise<WriteTarget> {
    return await this.#try(`opening ${providerId}`, signal, async () => {
      const { stats } = await this.#folder.ours(providerId);
      return {
        kind: "file",
        path: this.#folder.path(providerId),
        sizeBytes: stats.size,
        [Symbol.asyncDispose]: async () => {
          await this.#flushTarget(providerId);
        },
      };
    });
  }

  async seal(
    { providerId }: BackendVolume,
    seal: Seal,
    { signal }: Options,
  ): Promise<void> {
    await this.#try(
      `sealing ${providerId}`,
      signal,
      async () => await sealFile(this.#folder, providerId, seal),
    );
  }

  async *list({ signal }: Options): AsyncGenerator<OwnedVolume> {
    for await (const name of this.#folder.names()) {
      const found = await this.find(name, { signal });
      if (found !== null) {
        yield found;
      }
    }
    await this.#folder.removeOrphans();
  }

  /** There is no trash. */
  async findRestorable(): Promise<null> {
    return await Promise.resolve(null);
  }

  async restoreVolume(): Promise<null> {
    return await Promise.resolve(null);
  }

  /** A file has no place for labels. */
  async labelVolume(): Promise<void> {}

  /** Whoever is on this node opens the file. */
  async initializeConnection(
    volume: BackendVolume,
    _connector: Connector,
    { signal }: Options,
  ): Promise<ConnectionInfo> {
    const { providerId } = volume;
    return await this.#try(`connecting ${providerId}`, signal, async () => {
      await this.#folder.ours(providerId);
      return this.connectionInfo(volume);
    });
  }

  /** Nothing was made for a connection. */
  async terminateConnection(): Promise<void> {}

  connectionInfo({ providerId }: BackendVolume): ConnectionInfo {
    return {
      driverVolumeType: "local",
      data: { device_path: this.#folder.path(providerId) },
    };
  }

  async freeBytes({ signal }: Options): Promise<number> {
    return await this.#try("asking for free space", signal, async () => {
      const { bavail, bsize } = await statfs(this.#folder.root);
      return bavail * bsize;
    });
  }

  async #clone(
    from: BackendVolume,
    name: string,
    { signal }: Options,
  ): Promise<BackendVolume> {
    const { providerId } = from;
    const isReflink = this.capabilities.clone === "reflink";
    const what = `cloning ${providerId}`;
    return await this.#try(
      what,
      signal,
      async () =>
        await cloneSealed(this.#folder, providerId, name, {
          isReflink,
          signal,
        }),
    );
  }

  async #flushTarget(name: string): Promise<void> {
    await this.#try(`flushing ${name}`, notAborted.signal, async () => {
      const found = await this.#folder.look(name);
      // Whoever deleted it while it was written wants no flush.
      if (found.kind === "ours") {
        await this.#folder.flushFile(name);
      }
    });
  }

  async #try<T>(
    what: string,
    signal: AbortSignal,
    step: () => Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal);
    try {
      return await step();
    } catch (error) {
      throw fileError(error, what, this.#folder.root);
    }
  }
}
