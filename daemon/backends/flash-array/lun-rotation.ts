import { randomInt } from "node:crypto";

/** Higher ones need another kind of addressing, which not every initiator knows (vendor's guide). */
const highest = 255;

/**
 * LUNs for volumes that are written, in turn. An array gives the lowest free one, so a writer that lost its volume and
 * connects again by itself would find the next volume at its old LUN.
 */
export class LunRotation {
  #last: number;

  constructor(start: number = randomInt(1, highest + 1)) {
    this.#last = start - 1;
  }

  /** The one that was given least recently and is not taken; null when all are. */
  next(taken: ReadonlySet<number>): number | null {
    for (let step = 0; step < highest; step += 1) {
      this.#last = (this.#last % highest) + 1;
      if (!taken.has(this.#last)) {
        return this.#last;
      }
    }
    return null;
  }
}

/** One for the process: its backends may share an initiator, and so a host. */
export const processLuns = new LunRotation();
