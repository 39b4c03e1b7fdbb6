import { DaemonError } from "../errors.ts";

/** All keys of one backend's data set. They share one hash slot, so that a script may touch several of them. */
export type BackendKeys = ReturnType<typeof backendKeys>;

/** Makes the keys of `backend`; the only place where they are built. */
export function backendKeys(backend: string) {
  if (!/^[\w.@#-]{1,128}$/u.test(backend)) {
    throw new DaemonError(
      `CONFIG_INVALID: a backend's name has letters, digits and . _ - @ # only, at most 128 of them`,
      { code: "CONFIG_INVALID", retry: "never" },
    );
  }
  const prefix = `ivc:{${backend}}:`;
  return {
    entry: (entryKey: string) => `${prefix}entry:${entryKey}`,
    leases: (entryKey: string) => `${prefix}leases:${entryKey}`,
    waiters: (entryKey: string) => `${prefix}waiters:${entryKey}`,
    bypass: (entryKey: string) => `${prefix}bypass:${entryKey}`,
    failed: (entryKey: string) => `${prefix}failed:${entryKey}`,
    /** How a fill without a result ended, for those who waited for it. */
    verdict: (fillId: string) => `${prefix}verdict:${fillId}`,
    alias: (imageId: string) => `${prefix}alias:${imageId}`,
    recency: `${prefix}recency`,
    filling: `${prefix}filling`,
    evicting: `${prefix}evicting`,
    use: `${prefix}use`,
    reserved: `${prefix}reserved`,
    job: (jobId: string) => `${prefix}job:${jobId}`,
    jobsOpen: `${prefix}jobs:open`,
    jobsDone: `${prefix}jobs:done`,
    fence: `${prefix}fence`,
    volume: (volumeId: string) => `${prefix}volume:${volumeId}`,
    volumesAll: `${prefix}volumes:all`,
    volumesOf: (projectId: string | null) =>
      projectId === null
        ? `${prefix}volumes:projectless`
        : `${prefix}volumes:project:${projectId}`,
    outbox: `${prefix}outbox`,
    outboxDue: `${prefix}outbox:due`,
    outboxSequence: `${prefix}outbox:sequence`,
    identity: `${prefix}backend`,
    epoch: `${prefix}epoch`,
    schema: `${prefix}schema`,
    node: (node: string) => `${prefix}node:${node}`,
    hints: `${prefix}hints`,
  };
}

/** Where the backend of a volume is remembered. */
export function volumeDirectoryKey(volumeId: string): string {
  return `ivc:where:${volumeId}`;
}

/** What all living daemons take for the default backend. */
export const defaultBackendKey = "ivc:default-backend";
