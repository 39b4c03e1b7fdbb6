import type { CreatePath } from "../volume.ts";

/** The phases that are timed. */
export const meteredPhases = [
  "describe",
  "wait",
  "clone",
  "copy",
  "fill",
] as const;

/** One of {@link meteredPhases}. */
export type MeteredPhase = (typeof meteredPhases)[number];

/** Creates served by this daemon since its start, by path. */
export type RequestCounts = Readonly<Record<CreatePath, number>>;

/** Where the flows of one backend report what they did; the metrics page and `cache_stats` read it. */
export interface RequestMeter {
  /** A create ended. `path` is null when it was refused before the lookup. */
  created(
    path: CreatePath | null,
    outcome: "success" | "error",
    durationMs: number,
  ): void;
  phase(phase: MeteredPhase, durationMs: number): void;
  downloaded(bytes: number): void;
  filled(origin: "downloaded" | "restored"): void;
  evicted(reason: string): void;
  counts(): RequestCounts;
}
