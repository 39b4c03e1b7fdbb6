import { randomBytes } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { cloneFile } from "./clone-file.ts";
import type { DataPlane } from "./data-plane.ts";
import { roomRefusal } from "./room-refusal.ts";

/** Volumes as sparse files that no host reaches: for tests without iSCSI, and the ground of the `iscsi` kind. */
export class FileDataPlane implements DataPlane {
  readonly kind = "file";
  readonly portals: readonly string[] = [];
  readonly iqn = newTargetName();
  readonly #folder: string;
  #clones = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** `folder` is made where it is missing; volumes in it stay when this ends. */
  static async create({
    folder,
  }: {
    readonly folder: string;
  }): Promise<FileDataPlane> {
    const absolute = path.resolve(folder);
    await mkdir(absolute, { recursive: true });
    return new FileDataPlane(absolute);
  }

  pathOf(id: string): string {
    return path.join(this.#folder, `${id}.raw`);
  }

  async create(id: string, sizeBytes: number): Promise<void> {
    try {
      await using file = await open(this.pathOf(id), "w");
      await file.truncate(sizeBytes);
    } catch (error) {
      throw roomRefusal(error);
    }
  }

  async clone(fromId: string, id: string): Promise<void> {
    this.#clones += 1;
    const half = `${this.pathOf(id)}.${this.#clones}.part`;
    try {
      await cloneFile(this.pathOf(fromId), half);
      await rename(half, this.pathOf(id));
    } catch (error) {
      throw roomRefusal(error);
    } finally {
      await rm(half, { force: true });
    }
  }

  async resize(id: string, sizeBytes: number): Promise<void> {
    try {
      await using file = await open(this.pathOf(id), "r+");
      await file.truncate(sizeBytes);
    } catch (error) {
      throw roomRefusal(error);
    }
  }

  async remove(id: string): Promise<void> {
    await rm(this.pathOf(id), { force: true });
  }

  async connect(): Promise<void> {}

  async disconnect(): Promise<void> {}

  async setHost(): Promise<void> {}

  async removeHost(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

function newTargetName(): string {
  return `iqn.2010-06.com.purestorage:flasharray.${randomBytes(8).toString("hex")}`;
}
