const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Bytes for people, in powers of 1024: `4.9 MiB`; `-` for what is not a number. */
export function humanBytes(bytes: unknown): string {
  if (typeof bytes !== "number" || !Number.isFinite(bytes)) {
    return "-";
  }
  const steps =
    bytes < 1024
      ? 0
      : Math.min(
          units.length - 1,
          // 1023.96 KiB would be printed as "1024 KiB"
          Math.floor(Math.log2(bytes * 1.0005) / 10),
        );
  const value = bytes / 1024 ** steps;
  const digits = steps === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[steps]}`;
}
