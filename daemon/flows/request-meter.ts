import type { CreatePath } from "../volume.ts";

/** Where the flows report what they did; the metrics page reads it. */
export interface RequestMeter {
  /** A create ended. `path` is null when it was refused before the lookup. */
  created(
    path: CreatePath | null,
    outcome: "success" | "error",
    durationMs: number,
  ): void;
  /** A phase of a create or of a fill ended. */
  phase(
    phase: "describe" | "wait" | "clone" | "copy" | "fill",
    durationMs: number,
  ): void;
  downloaded(bytes: number): void;
  evicted(reason: string): void;
}
