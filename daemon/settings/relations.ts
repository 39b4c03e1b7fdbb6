import { accessSync, constants } from "node:fs";
import { arrayProblems, sameArrayProblems } from "./array-relations.ts";
import type { RawBackend } from "./backend-schema.ts";
import type { RawSettings } from "./schema.ts";

/** What is wrong between settings that are right one by one. */
export function relationProblems(raw: RawSettings): readonly string[] {
  const backends = backendsOf(raw);
  return [
    ...(backends.length === 0
      ? ["backends is empty: configure at least one"]
      : []),
    ...timingProblems(raw.jobs),
    ...fileProblems(raw),
    ...rootProblems(backends),
    ...backends.flatMap(([name, backend]) =>
      backend.driver === "flasharray" ? arrayProblems(name, backend) : [],
    ),
    ...sameArrayProblems(backends),
    ...scratchProblems(raw, backends),
  ];
}

/** The backends that are left: null takes one of an earlier file away. */
export function backendsOf(
  raw: RawSettings,
): readonly (readonly [string, RawBackend])[] {
  return Object.entries(raw.backends).flatMap(([name, backend]) =>
    backend === null ? [] : [[name, backend] as const],
  );
}

/** The root of the first backend that has one. */
export function firstRoot(
  backends: readonly (readonly [string, RawBackend])[],
): string | null {
  const [first] = backends.flatMap(([, backend]) =>
    backend.driver === "file" ? [backend.root] : [],
  );
  return first ?? null;
}

/** A claim has to outlive the sweeps that take over what is left of others. */
export function timingProblems(jobs: RawSettings["jobs"]): string[] {
  return jobs.claimTtl < 3 * jobs.sweepInterval
    ? [
        `jobs.claimTtl (${jobs.claimTtl} ms) must be at least 3 × jobs.sweepInterval (${jobs.sweepInterval} ms)`,
      ]
    : [];
}

function fileProblems(raw: RawSettings): string[] {
  const files = [
    ["amqp.caFile", raw.amqp.caFile],
    ["redis.caFile", raw.redis.caFile],
    ["images.caFile", raw.images.caFile],
  ] as const;
  return files.flatMap(([key, file]) =>
    file === null || isReadable(file)
      ? []
      : [`${key} ${file} cannot be read: give the path of a PEM file`],
  );
}

function rootProblems(
  backends: readonly (readonly [string, RawBackend])[],
): string[] {
  const problems: string[] = [];
  const roots = new Map<string, string>();
  for (const [name, backend] of backends) {
    if (backend.driver !== "file") {
      continue;
    }
    const other = roots.get(backend.root);
    if (other !== undefined) {
      problems.push(
        `backends.${name}.root is the same folder as that of ${other}: give each its own`,
      );
    }
    roots.set(backend.root, name);
  }
  return problems;
}

function scratchProblems(
  raw: RawSettings,
  backends: readonly (readonly [string, RawBackend])[],
): string[] {
  return raw.images.scratchDir === "" &&
    backends.length > 0 &&
    firstRoot(backends) === null
    ? [
        "images.scratchDir is empty, and no backend has a folder to take for it: name one for qcow2 images on their way (IVC_SCRATCH_DIR)",
      ]
    : [];
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
