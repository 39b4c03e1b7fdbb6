import { setTimeout as delay } from "node:timers/promises";
import type { Options } from "../backends/volume-backend.ts";
import { throwIfAborted } from "../errors.ts";

/** Waits; an abort ends the wait with the abort's own reason. */
export async function pause(ms: number, { signal }: Options): Promise<void> {
  try {
    await delay(ms, null, { signal });
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}
