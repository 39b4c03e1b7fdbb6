import type { Renewal } from "../jobs/job-store.ts";
import { luaCommand } from "./lua-command.ts";

/** A claim to be prolonged, with the entry whose lease or fill it holds on to. */
export interface HeldJob {
  readonly jobId: string;
  readonly token: number;
  readonly leaseEntryKey: string | null;
}

/** Prolongs claims and leases; answers in the order of the jobs. */
export const renewJobs = luaCommand("renew", {
  shared: ["now", "job"],
  keys: (jobs: readonly HeldJob[], { keys }) => [
    keys.jobsOpen,
    ...jobs.flatMap(({ jobId, leaseEntryKey }) => [
      keys.job(jobId),
      keys.leases(leaseEntryKey ?? "none"),
      keys.waiters(leaseEntryKey ?? "none"),
    ]),
  ],
  args: (jobs, scope) => [
    scope.claimTtlMs,
    scope.leaseTtlMs,
    scope.waiterTtlMs,
    ...jobs.flatMap(({ jobId, token }) => [jobId, token]),
  ],
  reply: (answers) =>
    answers.map((answer): Renewal =>
      answer === "renewed" || answer === "cancelled" ? answer : "lost",
    ),
});
