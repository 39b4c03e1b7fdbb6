import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { errorCode } from "./file-error.ts";

/** Makes names in a directory durable. One fsync serves all who asked before it started. */
export class DirectorySync {
  readonly #directory: string;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Resolves when every change made in the directory before this call is on the disk. */
  async sync(): Promise<void> {
    if (this.#running === null) {
      this.#running = this.#fsync();
      return await this.#running;
    }
    // The running fsync may have passed this caller's change already: only one that starts later counts.
    this.#next ??= this.#afterRunning(this.#running);
    return await this.#next;
  }

  async #afterRunning(running: Promise<void>): Promise<void> {
    await Promise.allSettled([running]);
    this.#next = null;
    this.#running = this.#fsync();
    await this.#running;
  }

  async #fsync(): Promise<void> {
    const flags = constants.O_RDONLY | constants.O_DIRECTORY;
    try {
      await using handle = await open(this.#directory, flags);
      await handle.sync();
    } catch (error) {
      // Some network file systems cannot, and keep names in order by themselves.
      if (errorCode(error) !== "EINVAL") {
        throw error;
      }
    } finally {
      this.#running = null;
    }
  }
}
