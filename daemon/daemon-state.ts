import type { RpcServer } from "./consumers/rpc-server.ts";
import type { BackendServices } from "./flows/backend-services.ts";

/** The parts of a daemon that its readiness and its end depend on; filled as they are made. */
export interface DaemonState {
  readonly servers: RpcServer[];
  readonly services: BackendServices[];
  isStarted: boolean;
  isDraining: boolean;
}

/** The state of a daemon of which nothing is made yet. */
export function newDaemonState(): DaemonState {
  return { servers: [], services: [], isStarted: false, isDraining: false };
}

/** Why the daemon is not ready; empty when it is. */
export function reasonsNotReady(
  state: DaemonState,
  redis: { readonly isReady: boolean },
): readonly string[] {
  const reasons: string[] = [];
  if (!redis.isReady) {
    reasons.push("redis: not connected");
  }
  if (!state.isStarted) {
    reasons.push("journal: not swept yet");
  }
  if (state.isDraining) {
    reasons.push("draining");
  } else if (!state.servers.some((server) => server.isConsuming)) {
    reasons.push("rabbitmq: not consuming");
  }
  return reasons;
}

/**
 * Leaves requests on the broker while too many jobs are open here; takes them again at the half. What fails
 * there fails with its channel, and the set-up of the next one goes by the same reasons to pause.
 */
export function keepWaterMark(state: DaemonState, maxOpenJobs: number): void {
  const open = state.services.reduce(
    (sum, { runner }) => sum + runner.runningCount,
    0,
  );
  for (const server of state.servers) {
    const isPaused = server.pauseReasons.includes("high-water");
    if (!isPaused && open >= maxOpenJobs) {
      server.pause("high-water").catch(() => {});
    } else if (isPaused && open <= maxOpenJobs / 2) {
      server.resume("high-water").catch(() => {});
    }
  }
}

/** Takes no more requests, waits for those in work, then gives up the jobs that are left. */
export async function drainAll(
  state: DaemonState,
  timeoutMs: number,
): Promise<void> {
  state.isDraining = true;
  // Handlers only write into the journal: what takes longer is caught in an outage and stays on the broker.
  const signal = AbortSignal.timeout(Math.min(Math.max(timeoutMs, 1), 10_000));
  await Promise.all(
    state.servers.map(async (server) => {
      await server.drain({ signal });
    }),
  );
  await Promise.all(
    state.services.map(async ({ runner }) => {
      await runner.drain(timeoutMs);
    }),
  );
}
