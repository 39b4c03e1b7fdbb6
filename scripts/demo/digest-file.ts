import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

/** Hash of the first `length` bytes of a file (default: all), as hex. */
export async function digestFile(
  path: string,
  algorithm: "sha256" | "sha512",
  length = Number.POSITIVE_INFINITY,
): Promise<string> {
  await using file = await open(path);
  const hash = createHash(algorithm);
  const buffer = Buffer.allocUnsafe(1024 ** 2);
  let at = 0;
  while (at < length) {
    const wanted = Math.min(buffer.length, length - at);
    const { bytesRead } = await file.read(buffer, 0, wanted, at);
    if (bytesRead === 0) {
      break;
    }
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  return hash.digest("hex");
}
