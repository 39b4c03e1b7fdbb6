import { open } from "node:fs/promises";
import { parentPort } from "node:worker_threads";
import { digestFile } from "./digest-file.ts";
import type { ExpectedVolume } from "./place.ts";

/** A volume, and the file that has its bytes. */
export interface ReadableVolume extends ExpectedVolume {
  readonly path: string;
}

/* One volume per message; the answer is what is wrong with it, or null. */
parentPort?.on("message", (volume: ReadableVolume) => {
  void check(volume)
    .catch((error: unknown) => `${volume.name}: ${String(error)}`)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
    .then((problem) => parentPort?.postMessage(problem));
});

async function check(volume: ReadableVolume): Promise<string | null> {
  const { name, path, dataBytes, sha256 } = volume;
  const found = await digestFile(path, "sha256", dataBytes);
  if (found !== sha256) {
    return `${name} has sha256 ${found} instead of ${sha256}`;
  }
  return (await isZeroFrom(path, dataBytes))
    ? null
    : `${name} is not zero behind the image`;
}

async function isZeroFrom(path: string, offset: number): Promise<boolean> {
  await using file = await open(path);
  const zeros = Buffer.alloc(1024 ** 2);
  const buffer = Buffer.allocUnsafe(zeros.length);
  for (let at = offset; ;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) {
      return true;
    }
    if (buffer.compare(zeros, 0, bytesRead, 0, bytesRead) !== 0) {
      return false;
    }
    at += bytesRead;
  }
}
