import { performance } from "node:perf_hooks";

/** How long each of some works took, and how many were done a second. */
export interface Measured {
  readonly latenciesMs: number[];
  readonly perSecond: number;
}

/** Does `count` works, at most `limit` at a time. */
export async function inFlight(
  count: number,
  limit: number,
  work: (index: number) => Promise<void>,
): Promise<Measured> {
  const latenciesMs: number[] = [];
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: limit }, async () => {
      while (next < count) {
        const index = next;
        next += 1;
        const from = performance.now();
        await work(index);
        latenciesMs.push(performance.now() - from);
      }
    }),
  );
  return {
    latenciesMs,
    perSecond: (1000 * count) / (performance.now() - startedAt),
  };
}
