import type { RedisConnection } from "./connection.ts";
import { backendKeys, type BackendKeys } from "./keys.ts";

/** What every store of a backend is made with. */
export interface RedisStoreOptions {
  readonly redis: RedisConnection;
  readonly backend: string;
  /** Name of this daemon's node: owner of the jobs that it opens. */
  readonly node: string;
  /** A job whose owner has not renewed it for this long may be taken over. */
  readonly claimTtlMs?: number;
  /** Has to outlive a takeover, so that a job finds its lease again. */
  readonly leaseTtlMs?: number;
  readonly waiterTtlMs?: number;
  /** How long the writer of an outbox row has to send it before others do. */
  readonly outboxGraceMs?: number;
  /** How long a finished job and a deleted volume are remembered. */
  readonly doneTtlMs?: number;
  /** At most this many finished jobs are remembered. */
  readonly maxDoneJobs?: number;
}

/** {@link RedisStoreOptions}, complete. */
export type StoreScope = Required<RedisStoreOptions> & {
  readonly keys: BackendKeys;
};

/** Fills in the defaults and the keys. */
export function storeScope(options: RedisStoreOptions): StoreScope {
  return {
    claimTtlMs: 30_000,
    leaseTtlMs: 90_000,
    waiterTtlMs: 90_000,
    outboxGraceMs: 15_000,
    doneTtlMs: 7 * 24 * 3_600_000,
    maxDoneJobs: 20_000,
    ...options,
    keys: backendKeys(options.backend),
  };
}
