import type { Progress } from "../volume.ts";

const shortestPauseMs = 250;

/** Tells how far a copy has come: at most four times a second, and always when a phase begins or ends. */
export class ProgressMeter {
  readonly #report: (progress: Progress) => void;
  #phase: Progress["phase"] | null = null;
  #lastMs = 0;
  #lastBytes = 0;
  #rate = 0;

  constructor(report: (progress: Progress) => void) {
    this.#report = report;
  }

  /** Notes the position within a phase. */
  update(
    phase: Progress["phase"],
    bytesDone: number,
    bytesTotal: number | null,
  ): void {
    const nowMs = performance.now();
    const sinceMs = nowMs - this.#lastMs;
    if (phase !== this.#phase) {
      this.#phase = phase;
      this.#rate = 0;
    } else if (sinceMs < shortestPauseMs && bytesDone !== bytesTotal) {
      return;
    } else {
      this.#rate = mean(this.#rate, bytesDone - this.#lastBytes, sinceMs);
    }
    this.#lastMs = nowMs;
    this.#lastBytes = bytesDone;
    this.#report({
      phase,
      bytesDone,
      bytesTotal,
      rate: Math.round(this.#rate),
    });
  }
}

/** The rate, with the last interval counting half. */
function mean(rate: number, bytes: number, ms: number): number {
  const latest = ms > 0 ? Math.max(0, bytes * 1_000) / ms : rate;
  return rate === 0 ? latest : (rate + latest) / 2;
}
