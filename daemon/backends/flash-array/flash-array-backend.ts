import { throwIfAborted } from "../../errors.ts";
import type {
  BackendCapabilities,
  BackendVolume,
  ConnectionInfo,
  Connector,
  DeleteOptions,
  NewVolume,
  ObjectName,
  Options,
  OwnedVolume,
  Restorable,
  Seal,
  VolumeBackend,
  VolumeLabel,
  WriteTarget,
} from "../volume-backend.ts";
import { readArrayId, readFreeBytes } from "./array-facts.ts";
import type { ArrayPlace } from "./array-place.ts";
import { refusalOf } from "./array-refusals.ts";
import { cloneVolume } from "./clone-volume.ts";
import { createEmpty } from "./create-empty.ts";
import { deleteVolume } from "./delete-volume.ts";
import { growVolume } from "./grow-volume.ts";
import { labelVolume } from "./label-volume.ts";
import { listVolumes } from "./list-volumes.ts";
import { checkSuffix } from "./marker-suffix.ts";
import { readMarker } from "./marker-volume.ts";
import { identityOf } from "./open-data-set.ts";
import { findOurs, ownedVolume } from "./own-volumes.ts";
import {
  connectVolume,
  disconnectVolume,
  openForWriting,
} from "./reach-volume.ts";
import { renameVolume } from "./rename-volume.ts";
import { findRestorable, restoreVolume } from "./restore-volume.ts";
import { sealVolume } from "./seal-volume.ts";

/** Volumes of one FlashArray; clones are metadata, and deleted volumes wait for their eradication. */
export class FlashArrayBackend implements VolumeBackend {
  readonly name: string;
  readonly host: string;
  readonly capabilities: BackendCapabilities;
  readonly #place: ArrayPlace;

  constructor(name: string, host: string, place: ArrayPlace) {
    this.name = name;
    this.host = host;
    this.capabilities = {
      clone: "metadata",
      atomicClone: true,
      trash: !place.rules.isEradicating,
    };
    this.#place = place;
  }

  async identity(options: Options): Promise<string> {
    return await this.#try("reading the marker", options, async (place) => {
      const { client, where, names } = place;
      const arrayId = await readArrayId(client, where, options);
      const { marker, volumeSuffix } = names;
      const read = await readMarker({ client, where, marker }, options);
      checkSuffix({ where, marker, volumeSuffix }, read);
      return identityOf(arrayId, read.id);
    });
  }

  nameFor(object: ObjectName): string {
    return this.#place.names.nameFor(object);
  }

  async createVolume(
    volume: NewVolume,
    options: Options,
  ): Promise<BackendVolume> {
    return await this.#try(
      `creating ${volume.name}`,
      options,
      async (place) => await createEmpty(place, volume, options),
    );
  }

  async cloneVolume(
    from: BackendVolume,
    volume: NewVolume,
    options: Options,
  ): Promise<BackendVolume> {
    return await this.#try(
      `cloning ${from.providerId} to ${volume.name}`,
      options,
      async (place) => await cloneVolume(place, from, volume, options),
    );
  }

  async renameVolume(
    volume: BackendVolume,
    name: string,
    options: Options,
  ): Promise<BackendVolume> {
    return await this.#try(
      `renaming ${volume.providerId} to ${name}`,
      options,
      async (place) => await renameVolume(place, volume, name, options),
    );
  }

  async extendVolume(
    volume: BackendVolume,
    sizeBytes: number,
    options: Options,
  ): Promise<BackendVolume> {
    return await this.#try(
      `extending ${volume.providerId}`,
      options,
      async (place) => await growVolume(place, volume, sizeBytes, options),
    );
  }

  async deleteVolume(
    providerId: string,
    options: DeleteOptions,
  ): Promise<void> {
    await this.#try(`deleting ${providerId}`, options, async (place) => {
      await deleteVolume(place, providerId, options);
    });
  }

  async find(
    providerId: string,
    options: Options,
  ): Promise<OwnedVolume | null> {
    const what = `looking for ${providerId}`;
    return await this.#try(what, options, async (place) => {
      const found = await findOurs(place, providerId, options);
      return found === null ? null : ownedVolume(place, found);
    });
  }

  async openTarget(
    volume: BackendVolume,
    options: Options,
  ): Promise<WriteTarget> {
    return await this.#try(
      `opening ${volume.providerId}`,
      options,
      async (place) => await openForWriting(place, volume, options),
    );
  }

  async seal(
    volume: BackendVolume,
    seal: Seal,
    options: Options,
  ): Promise<void> {
    const what = `sealing ${volume.providerId}`;
    await this.#try(what, options, async (place) => {
      await sealVolume(place, volume, seal, options);
    });
  }

  async *list(options: Options): AsyncGenerator<OwnedVolume> {
    throwIfAborted(options.signal);
    try {
      yield* listVolumes(this.#place, options);
    } catch (error) {
      throw refusalOf(error, "listing volumes", this.#place);
    }
  }

  async findRestorable(
    entryKey: string,
    options: Options,
  ): Promise<Restorable | null> {
    if (!this.capabilities.trash) {
      return null;
    }
    return await this.#try(
      `looking for evicted image-volumes of ${entryKey}`,
      options,
      async (place) => await findRestorable(place, entryKey, options),
    );
  }

  async restoreVolume(
    restorable: Restorable,
    name: string,
    options: Options,
  ): Promise<BackendVolume | null> {
    return await this.#try(
      `restoring ${restorable.providerId}`,
      options,
      async (place) => await restoreVolume(place, restorable, name, options),
    );
  }

  async labelVolume(
    volume: BackendVolume,
    label: VolumeLabel,
    options: Options,
  ): Promise<void> {
    const calm = { ...options, isBackground: true };
    const what = `labelling ${volume.providerId}`;
    await this.#try(what, options, async (place) => {
      await labelVolume(place, volume, label, calm);
    });
  }

  connectionInfo(): ConnectionInfo | null {
    return null;
  }

  async initializeConnection(
    volume: BackendVolume,
    connector: Connector,
    options: Options,
  ): Promise<ConnectionInfo> {
    return await this.#try(
      `connecting ${volume.providerId} to ${connector.host}`,
      options,
      async (place) => await connectVolume(place, volume, connector, options),
    );
  }

  async terminateConnection(
    volume: BackendVolume,
    connector: Connector | null,
    options: Options,
  ): Promise<void> {
    const what = `disconnecting ${volume.providerId}`;
    await this.#try(what, options, async (place) => {
      await disconnectVolume(place, volume, connector, options);
    });
  }

  async freeBytes(options: Options): Promise<number | null> {
    return await this.#try(
      "asking for free space",
      options,
      async ({ client }) => await readFreeBytes(client, options),
    );
  }

  async #try<T>(
    what: string,
    { signal }: Options,
    step: (place: ArrayPlace) => Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal);
    try {
      return await step(this.#place);
    } catch (error) {
      throw refusalOf(error, what, this.#place);
    }
  }
}
