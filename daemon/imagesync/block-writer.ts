import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Block } from "./block-reader.ts";

/** Writes blocks at their offsets, several at a time. Errors are the file system's own. */
export class BlockWriter implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #writes = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | null = null;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Opens what exists: a device that has vanished must not come back as a file. */
  static async open(path: string): Promise<BlockWriter> {
    return new BlockWriter(await open(path, constants.O_WRONLY));
  }

  /**
   * Starts to write a block and releases it when done. Zeroes from `skipZeroesFrom` on are left out: there the file is
   * known to read as zero.
   */
  write(block: Block, skipZeroesFrom: number): void {
    this.throwIfFailed();
    const write = this.#writeRuns(block, skipZeroesFrom)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#writes.delete(write);
        block.release();
      });
    this.#writes.add(write);
  }

  /** Waits for all that was started. */
  async drain(): Promise<void> {
    await Promise.all(this.#writes);
    this.throwIfFailed();
  }

  /** Throws what a write that was started earlier ran into. */
  throwIfFailed(): void {
    if (this.#failure !== null) {
      throw this.#failure.error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#writes);
    await this.#file.close();
  }

  async #writeRuns(block: Block, skipZeroesFrom: number): Promise<void> {
    for (const run of dataRuns(block, skipZeroesFrom)) {
      let at = run.start;
      while (at < run.end) {
        const { bytesWritten } = await this.#file.write(
          block.bytes,
          at,
          run.end - at,
          block.offset + at,
        );
        at += bytesWritten;
      }
    }
  }
}

interface Run {
  readonly start: number;
  readonly end: number;
}

const granuleBytes = 64 * 1024;
const zeroes = Buffer.alloc(granuleBytes);

/** The parts of a block that have to be written, joined where they touch. */
function dataRuns(block: Block, skipZeroesFrom: number): readonly Run[] {
  const runs: { start: number; end: number }[] = [];
  for (let start = 0; start < block.bytes.length; start += granuleBytes) {
    const end = Math.min(start + granuleBytes, block.bytes.length);
    const last = runs.at(-1);
    if (
      block.offset + start >= skipZeroesFrom &&
      zeroes.compare(block.bytes, start, end, 0, end - start) === 0
    ) {
      continue;
    }
    if (last?.end === start) {
      last.end = end;
    } else {
      runs.push({ start, end });
    }
  }
  return runs;
}
