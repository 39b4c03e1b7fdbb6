import { once } from "node:events";
import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { blockMap } from "./shared-blocks.ts";

/** A volume, and what it must hold: these bytes, then zeros to its end. */
export interface ExpectedVolume {
  readonly path: string;
  readonly sizeBytes: number;
  readonly dataBytes: number;
  readonly sha256: string;
}

/** What came out of {@link verifyVolumes}. */
export interface Verification {
  readonly problems: readonly string[];
  /** How many were read to their end; each of the others has all its blocks in common with one of these. */
  readonly readCount: number;
}

/** Checks every volume: reads it, unless it consists of the very blocks of one that is read. */
export async function verifyVolumes(
  volumes: readonly ExpectedVolume[],
  onDone: (done: number, all: number) => void,
): Promise<Verification> {
  const problems: string[] = [];
  const toRead = new Map<string, ExpectedVolume>();
  for (const volume of volumes) {
    const { path, sha256, sizeBytes } = volume;
    const { size } = await stat(path);
    if (size !== sizeBytes) {
      problems.push(`${path} has ${size} bytes instead of ${sizeBytes}`);
    }
    const blocks = (await blockMap(path)) ?? path;
    toRead.set(`${sha256} ${sizeBytes}\n${blocks}`, volume);
  }
  const waiting = [...toRead.values()];
  const readers = Math.min(2, availableParallelism());
  let done = 0;
  const read = async () => {
    await using reader = new VolumeReader();
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const problem = await reader.check(next);
      problems.push(...(problem === null ? [] : [problem]));
      done += 1;
      onDone(done, toRead.size);
    }
  };
  await Promise.all(Array.from({ length: readers }, read));
  return { problems, readCount: toRead.size };
}

/** A thread that reads volumes, one at a time. */
class VolumeReader implements AsyncDisposable {
  readonly #worker = new Worker(new URL("verify-worker.ts", import.meta.url));

  /** What is wrong with the volume, or null. */
  async check(volume: ExpectedVolume): Promise<string | null> {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#worker.postMessage(volume);
    const [problem] = (await once(this.#worker, "message")) as [string | null];
    return problem;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
