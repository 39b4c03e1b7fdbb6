/** Milliseconds for people: `340 ms`, `4.2 s`, `3 min 20 s`, `5 h 10 min`, `2 d 3 h`; `-` for what is not a number. */
export function humanDuration(ms: unknown): string {
  if (typeof ms !== "number" || !Number.isFinite(ms)) {
    return "-";
  }
  if (ms < 999.5) {
    return ms < 9.95 ? `${Number(ms.toFixed(1))} ms` : `${Math.round(ms)} ms`;
  }
  if (ms < 59_950) {
    return `${(ms / 1000).toFixed(1)} s`;
  }
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) {
    return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) {
    return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
