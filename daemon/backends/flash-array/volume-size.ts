import { RequestError } from "../../errors.ts";

const unitBytes = 512;
const minBytes = 1024 ** 2;
const maxBytes = 4 * 1024 ** 5;

/** A size as an array takes it: a multiple of 512 bytes from 1 MiB to 4 PiB (vendor's OpenAPI file). */
export function volumeSize(sizeBytes: number): number {
  const rounded = Math.ceil(sizeBytes / unitBytes) * unitBytes;
  if (!(rounded <= maxBytes)) {
    throw new RequestError(
      "SIZE_INVALID",
      `${sizeBytes} bytes are more than a volume of a FlashArray can have (4 PiB); ask for less`,
    );
  }
  return Math.max(minBytes, rounded);
}
