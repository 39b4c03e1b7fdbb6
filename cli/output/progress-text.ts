import type { Fields } from "./fields.ts";
import { humanBytes } from "./human-bytes.ts";
import { humanDuration } from "./human-duration.ts";
import { printable } from "./printable.ts";

/** A copy's progress on one line: `download  412 MiB of 1.0 GiB  40 %  210 MiB/s  3.0 s left`. */
export function progressText(progress: Fields): string {
  const { bytes_done: done, bytes_total: total, percent, rate } = progress;
  const parts = [printable(progress["phase"])];
  if (typeof done === "number" && (done > 0 || typeof total === "number")) {
    parts.push(
      typeof total === "number"
        ? `${humanBytes(done)} of ${humanBytes(total)}`
        : humanBytes(done),
    );
  }
  if (typeof percent === "number") {
    parts.push(`${Math.floor(percent)} %`);
  }
  if (typeof rate === "number" && rate > 0) {
    parts.push(`${humanBytes(rate)}/s`);
    if (typeof total === "number" && typeof done === "number" && total > done) {
      parts.push(`${humanDuration(((total - done) / rate) * 1000)} left`);
    }
  }
  return parts.join("  ");
}
