import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { DaemonError } from "../errors.ts";
import type { RedisConnection } from "./connection.ts";
import { backendKeys } from "./keys.ts";
import { luaCommand } from "./lua-command.ts";
import { storeScope, type StoreScope } from "./store-scope.ts";

/** Whose data set it shall be, and which daemon asks. */
export interface DataSetClaim {
  readonly redis: RedisConnection;
  readonly backend: string;
  /** What the storage says it is. */
  readonly identity: string;
  readonly node: string;
  /** Unique to this run of the daemon. */
  readonly bootId: string;
  readonly pid: number;
  readonly hostname: string;
  /** Told once, when the node's name is somebody else's (`node-taken`) or the data set was lost (`data-lost`). */
  readonly onTrouble?: (trouble: "node-taken" | "data-lost") => void;
  /** How long a silent daemon keeps its node's name. */
  readonly nodeTtlMs?: number;
}

/** A claimed data set; disposing it frees the node's name. */
export interface DataSet extends AsyncDisposable {
  /** Changes when the data were lost. */
  readonly epoch: string;
  /** True when there were no data before: the index has to be rebuilt from the backend. */
  readonly isNew: boolean;
}

/** Version of keys and scripts; a daemon never writes into a newer one. */
export const schemaVersion = 1;

const recordDataSet = luaCommand("claim-data-set", {
  keys: (_: string, { keys }) => [keys.identity, keys.schema, keys.epoch],
  args: (identity) => [identity, schemaVersion, randomUUID()],
  reply: ([kind, what]) => ({ kind: String(kind), what: String(what) }),
});

interface NodeHold {
  readonly claim: DataSetClaim;
  readonly ttlMs: number;
  readonly mayTake: string;
}

const holdNode = luaCommand("hold-node", {
  keys: ({ claim }: NodeHold, { keys }) => [keys.node(claim.node), keys.epoch],
  args: ({ claim, ttlMs, mayTake }) => [
    claim.bootId,
    claim.hostname,
    claim.pid,
    ttlMs,
    mayTake,
  ],
  reply: ([kind, bootIdOrEpoch, hostname, pid]) =>
    kind === "held"
      ? { kind: "held" as const, epoch: String(bootIdOrEpoch) }
      : {
          kind: "taken" as const,
          bootId: String(bootIdOrEpoch),
          hostname: String(hostname),
          pid: Number(pid),
        },
});

const freeNode = luaCommand("free-node", {
  keys: (claim: DataSetClaim, { keys }) => [keys.node(claim.node)],
  args: (claim) => [claim.bootId],
  reply: ([kind]) => kind === "freed",
});

/** What the index knows a backend as; null when it does not know it. */
export async function recordedIdentity(
  redis: RedisConnection,
  backend: string,
): Promise<string | null> {
  const { identity } = backendKeys(backend);
  return await redis.call(async (client) => await client.get(identity));
}

/** Claims a backend's data set and the node's name in it; refuses what another backend or a living daemon has. */
export async function claimDataSet(claim: DataSetClaim): Promise<DataSet> {
  const scope = storeScope(claim);
  const ttlMs = claim.nodeTtlMs ?? 10_000;
  const { kind, what } = await recordDataSet(scope, claim.identity);
  refuseForeign(claim, kind, what);
  await takeNode(scope, claim, ttlMs);
  const heartbeat = beat(scope, { claim, ttlMs, mayTake: "" }, what);
  return {
    epoch: what,
    isNew: kind === "new",
    async [Symbol.asyncDispose]() {
      clearInterval(heartbeat);
      // Left over, the name frees itself when it expires.
      await freeNode(scope, claim).catch(() => {});
    },
  };
}

function refuseForeign(claim: DataSetClaim, kind: string, what: string): void {
  if (kind === "conflict") {
    throw refusal(
      "BACKEND_CONFLICT",
      `backend ${claim.backend} belongs to ${what} in this Redis, and here it is ${claim.identity}; rename the backend or correct its settings`,
    );
  }
  if (kind === "newer") {
    throw refusal(
      "SCHEMA",
      `the data of backend ${claim.backend} are version ${what}, this ivcd knows ${schemaVersion}; upgrade it`,
    );
  }
}

async function takeNode(
  scope: StoreScope,
  claim: DataSetClaim,
  ttlMs: number,
): Promise<void> {
  const deadline = Date.now() + ttlMs + 2_000;
  let mayTake = "";
  for (;;) {
    const held = await holdNode(scope, { claim, ttlMs, mayTake });
    if (held.kind === "held") {
      return;
    }
    if (held.hostname === claim.hostname && isDead(held.pid, claim.pid)) {
      mayTake = held.bootId;
      continue;
    }
    if (Date.now() > deadline) {
      throw refusal(
        "NODE_ID_IN_USE",
        `node ${claim.node} is the daemon with pid ${held.pid} on ${held.hostname}; give each daemon a node name of its own`,
      );
    }
    await sleep(Math.min(250, ttlMs / 4));
  }
}

/** True when the process is gone, or was ours in an earlier life of this pid. */
function isDead(pid: number, ownPid: number): boolean {
  if (pid === ownPid) {
    return true;
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

function beat(
  scope: StoreScope,
  hold: NodeHold,
  epoch: string,
): NodeJS.Timeout {
  let isTroubled = false;
  const tell = (trouble: "node-taken" | "data-lost") => {
    if (!isTroubled) {
      isTroubled = true;
      hold.claim.onTrouble?.(trouble);
    }
  };
  const renew = async () => {
    const held = await holdNode(scope, hold);
    if (held.kind === "taken") {
      tell("node-taken");
    } else if (held.epoch !== epoch) {
      tell("data-lost");
    }
  };
  return setInterval(() => {
    // Redis away: the next beat tries again, and the connection logs it.
    renew().catch(() => {});
  }, hold.ttlMs * 0.3).unref();
}

function refusal(code: string, what: string): DaemonError {
  return new DaemonError(`${code}: ${what}`, { code, retry: "never" });
}
