import { constants } from "node:fs";
import type { Stats } from "node:fs";
import { lstat, open, opendir, rm } from "node:fs/promises";
import path from "node:path";
import type { OwnedVolume } from "../volume-backend.ts";
import { DirectorySync } from "./directory-sync.ts";
import { errorCode } from "./file-error.ts";
import { filePath, metaFolder, roleOf, volumeIdIn } from "./file-names.ts";
import { readSidecar } from "./sidecar.ts";
import type { Sidecar } from "./sidecar.ts";
import { volumeMissing } from "./volume-errors.ts";

/** What stands under a name. Foreign: somebody else's file, a folder, a link; never read, changed or removed. */
export type Found =
  | { readonly kind: "absent" }
  | { readonly kind: "foreign" }
  | {
      readonly kind: "ours";
      readonly stats: Stats;
      /** Null for an attempt, which needs none, and for a damaged one. */
      readonly sidecar: Sidecar | null;
    };

const orphanAgeMs = 3_600_000;

async function statOrNull(file: string): Promise<Stats | null> {
  try {
    return await lstat(file);
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return null;
    }
    throw error;
  }
}

/** The root and its sidecars: what is there, whose it is, and how it becomes durable. */
export class FileFolder {
  readonly root: string;
  readonly metaPath: string;
  readonly #keepsOrder: boolean;
  readonly #rootSync: DirectorySync;
  readonly #metaSync: DirectorySync;

  constructor(root: string, { keepsOrder }: { readonly keepsOrder: boolean }) {
    this.root = root;
    this.#keepsOrder = keepsOrder;
    this.metaPath = path.join(root, metaFolder);
    this.#rootSync = new DirectorySync(root);
    this.#metaSync = new DirectorySync(this.metaPath);
  }

  path(name: string): string {
    return filePath(this.root, name);
  }

  sidecarPath(name: string): string {
    return path.join(this.metaPath, `${name}.json`);
  }

  async look(name: string): Promise<Found> {
    const stats = await statOrNull(this.path(name));
    if (stats === null) {
      return { kind: "absent" };
    }
    if (!stats.isFile()) {
      return { kind: "foreign" };
    }
    const sidecar = await readSidecar(this.sidecarPath(name));
    // An attempt's name is nobody else's; the other names are also Cinder's, so there the sidecar is the mark.
    return sidecar === null && roleOf(name) !== "attempt"
      ? { kind: "foreign" }
      : {
          kind: "ours",
          stats,
          sidecar: sidecar === "unreadable" ? null : sidecar,
        };
  }

  /** As {@link look}; throws where nothing of ours is. */
  async ours(name: string): Promise<Found & { readonly kind: "ours" }> {
    const found = await this.look(name);
    if (found.kind !== "ours") {
      throw volumeMissing(name, this.root);
    }
    return found;
  }

  async find(name: string): Promise<OwnedVolume | null> {
    const role = roleOf(name);
    const found = role === null ? null : await this.look(name);
    if (role === null || found?.kind !== "ours") {
      return null;
    }
    const { sidecar } = found;
    return {
      providerId: name,
      sizeBytes: found.stats.size,
      role,
      volumeId: sidecar?.volumeId ?? volumeIdIn(name),
      seal: sidecar?.seal ?? null,
      // Files have no labels.
      labelledBy: null,
      createdAtMs: sidecar?.createdAtMs ?? found.stats.birthtimeMs,
    };
  }

  async *names(): AsyncGenerator<string> {
    for await (const { name } of await opendir(this.root)) {
      if (roleOf(name) !== null) {
        yield name;
      }
    }
  }

  /** Removes what a crash left among the sidecars: those without a volume, and those half-written. */
  async removeOrphans(): Promise<void> {
    for await (const { name } of await opendir(this.metaPath)) {
      const file = path.join(this.metaPath, name);
      const owner = path.basename(name, ".json");
      const isOrphan =
        name.startsWith(".new-") ||
        (roleOf(owner) !== null &&
          (await statOrNull(this.path(owner))) === null);
      // A sidecar is written before its volume, so a young one may only be early.
      const stats = isOrphan ? await statOrNull(file) : null;
      if (stats !== null && Date.now() - stats.mtimeMs > orphanAgeMs) {
        await rm(file, { force: true });
      }
    }
  }

  /** Makes names in the root and among the sidecars durable, and `name` itself where that does not imply it. */
  async flush(name?: string): Promise<void> {
    const flushes = [this.#rootSync.sync(), this.#metaSync.sync()];
    if (name !== undefined && !this.#keepsOrder) {
      flushes.push(this.flushFile(name));
    }
    await Promise.all(flushes);
  }

  async flushFile(name: string): Promise<void> {
    const flags = constants.O_RDWR | constants.O_NOFOLLOW;
    await using handle = await open(this.path(name), flags);
    await handle.sync();
  }
}
