/** Names and values, one pair a line, the values aligned; a pair whose value is null is left out. */
export function renderPairs(
  pairs: readonly (readonly [name: string, value: string | null])[],
): string {
  const shown = pairs.filter(([, value]) => value !== null);
  const widest = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => `${name.padEnd(widest)}  ${value}`)
    .join("\n");
}
