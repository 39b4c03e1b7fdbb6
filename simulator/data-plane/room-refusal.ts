import { ArrayRefusal } from "../array-refusal.ts";

// Codes of Node and words of `cp`.
const signs = [
  "ENOSPC",
  "EDQUOT",
  "EFBIG",
  "No space left on device",
  "Disk quota exceeded",
  "File too large",
];

/** An error of a file system without room as an array that is full would say it; any other error as it is. */
export function roomRefusal(error: unknown): unknown {
  const text = Error.isError(error) ? error.message : "";
  if (!signs.some((sign) => text.includes(sign))) {
    return error;
  }
  // Invented text: the simulator's disk is the array's.
  return new ArrayRefusal(
    "Array is full: no space left where the simulator keeps its volumes.",
    null,
    { cause: error },
  );
}
