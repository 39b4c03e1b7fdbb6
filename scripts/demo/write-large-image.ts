import { createCipheriv } from "node:crypto";
import { open } from "node:fs/promises";

const mib = 1024 ** 2;
const stepBytes = 4 * mib;
/* A guest's disk in small: programs and archives, logs and sources, and room. */
const pattern = ["random", "text", "zero", "random", "random", "text", "zero"];

/** Writes a raw image that compresses as disks do and whose bytes are the same on every machine. */
export async function writeLargeImage(
  path: string,
  sizeBytes: number,
  onBytes: (bytes: number) => void,
): Promise<void> {
  await using file = await open(path, "w");
  await file.truncate(sizeBytes);
  const zeros = Buffer.alloc(stepBytes);
  const random = createCipheriv(
    "aes-128-ctr",
    "image-volume-cac",
    zeros.subarray(0, 16),
  );
  for (let at = 0, step = 0; at < sizeBytes; at += stepBytes, step++) {
    const kind = pattern[step % pattern.length];
    if (kind !== "zero") {
      const bytes = kind === "text" ? logLines(step) : random.update(zeros);
      await file.write(bytes, 0, Math.min(stepBytes, sizeBytes - at), at);
    }
    onBytes(at + stepBytes);
  }
}

function logLines(seed: number): Buffer {
  let state = seed * 2_654_435_761;
  let page = "";
  while (page.length < 64 * 1024) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const hour = `${state % 24}`.padStart(2, "0");
    page += `Nov 22 ${hour}:00:${state % 60} guest kernel: eth0 rx ${state} bytes, tx ${state >>> 3} bytes\n`;
  }
  return Buffer.alloc(stepBytes, page);
}
