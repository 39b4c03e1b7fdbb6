import type { Narrowness } from "./narrow-portal.ts";

const [scsiCommand, scsiResponse] = [0x01, 0x21];
const [opcodeMask, synchronizeCache] = [0x3f, 0x35];

function opcode(bytes: Buffer): number {
  return (bytes[0] ?? 0) & opcodeMask;
}

/** Whether bytes towards a target begin with SYNCHRONIZE CACHE (10). */
export function isFlush(bytes: Buffer): boolean {
  return opcode(bytes) === scsiCommand && bytes[32] === synchronizeCache;
}

/** Lets the answer to each SYNCHRONIZE CACHE (10) be "reservation conflict". */
export function refusedFlushes(): Narrowness {
  let tag: Buffer | null = null;
  return {
    overhear: (bytes) => {
      if (isFlush(bytes)) {
        tag = Buffer.from(bytes.subarray(16, 20));
      }
    },
    retell: (bytes) => {
      const isAnswer = tag?.equals(bytes.subarray(16, 20)) === true;
      if (isAnswer && opcode(bytes) === scsiResponse) {
        bytes[3] = 0x18;
      }
      return bytes;
    },
  };
}
