import { once } from "node:events";
import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { ExpectedVolume, VolumeBytes } from "./place.ts";
import { blockMap } from "./shared-blocks.ts";
import type { ReadableVolume } from "./verify-worker.ts";

/** How {@link verifyVolumes} reaches volumes. */
export interface VolumeAccess {
  /** Where their bytes lie: those of files with the same blocks are the same. */
  fileOf(volume: ExpectedVolume): string;
  open(volume: ExpectedVolume): Promise<VolumeBytes>;
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
  access: VolumeAccess,
  onDone: (done: number, all: number) => void,
): Promise<Verification> {
  const problems: string[] = [];
  const toRead = new Map<string, ExpectedVolume>();
  for (const volume of volumes) {
    const { name, sha256, sizeBytes } = volume;
    const file = access.fileOf(volume);
    problems.push(...(await sizeProblems(file, volume)));
    const blocks = (await blockMap(file)) ?? name;
    toRead.set(`${sha256} ${sizeBytes}\n${blocks}`, volume);
  }
  const waiting = [...toRead.values()];
  const readers = Math.min(2, availableParallelism());
  let done = 0;
  const read = async () => {
    await using reader = new VolumeReader();
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await using bytes = await access.open(next);
      problems.push(...(await sizeProblems(bytes.path, next)));
      const problem = await reader.check({ ...next, path: bytes.path });
      problems.push(...(problem === null ? [] : [problem]));
      done += 1;
      onDone(done, toRead.size);
    }
  };
  await Promise.all(Array.from({ length: readers }, read));
  return { problems: [...new Set(problems)], readCount: toRead.size };
}

async function sizeProblems(
  file: string,
  { name, sizeBytes }: ExpectedVolume,
): Promise<readonly string[]> {
  const { size } = await stat(file);
  return size === sizeBytes
    ? []
    : [`${name} has ${size} bytes instead of ${sizeBytes}`];
}

/** A thread that reads volumes, one at a time. */
class VolumeReader implements AsyncDisposable {
  readonly #worker = new Worker(new URL("verify-worker.ts", import.meta.url));

  /** What is wrong with the volume, or null. */
  async check(volume: ReadableVolume): Promise<string | null> {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#worker.postMessage(volume);
    const [problem] = (await once(this.#worker, "message")) as [string | null];
    return problem;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
