import { setTimeout as sleep } from "node:timers/promises";
import { DaemonError } from "../errors.ts";
import type { RedisConnection } from "./connection.ts";
import { defaultBackendKey } from "./keys.ts";
import { luaCommand } from "./lua-command.ts";
import { storeScope } from "./store-scope.ts";

/** Which backend this daemon takes for the default. */
export interface DefaultBackendClaim {
  readonly redis: RedisConnection;
  readonly backend: string;
  readonly node: string;
  /** How long the word of a silent daemon counts. */
  readonly ttlMs?: number;
}

interface Word {
  readonly backend: string;
  readonly ttlMs: number;
}

const sayDefault = luaCommand<Word, string | null>("agree-default-backend", {
  keys: () => [defaultBackendKey],
  args: (p) => [p.backend, p.ttlMs],
  reply: ([kind, backend]) => (kind === "agreed" ? null : String(backend)),
});

/** Agrees with all living daemons on the default backend, and stands by it until disposed. */
export async function agreeOnDefaultBackend(
  claim: DefaultBackendClaim,
): Promise<AsyncDisposable> {
  const scope = storeScope(claim);
  const word = { backend: claim.backend, ttlMs: claim.ttlMs ?? 10_000 };
  const deadline = Date.now() + word.ttlMs + 2_000;
  let other = await sayDefault(scope, word);
  while (other !== null) {
    if (Date.now() > deadline) {
      throw new DaemonError(
        `DEFAULT_BACKEND_CONFLICT: the other daemons take ${other} for the default backend, this one ${claim.backend}; give all the same setting`,
        { code: "DEFAULT_BACKEND_CONFLICT", retry: "never" },
      );
    }
    await sleep(Math.min(250, word.ttlMs / 4));
    other = await sayDefault(scope, word);
  }
  const timer = setInterval(() => {
    sayDefault(scope, word).catch(() => {});
  }, word.ttlMs * 0.3).unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await Promise.resolve();
    },
  };
}
