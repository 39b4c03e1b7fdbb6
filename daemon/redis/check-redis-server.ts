import { DaemonError } from "../errors.ts";
import type { RedisConnection } from "./connection.ts";

/** What is wrong with a Redis server: `errors` forbid to start, `warnings` are to be logged. */
export interface RedisServerReport {
  readonly errors: readonly DaemonError[];
  readonly warnings: readonly string[];
}

const oldest = [6, 2] as const;

/** Looks whether the server keeps what it is told. Reads INFO only: CONFIG is often forbidden. */
export async function checkRedisServer(
  redis: RedisConnection,
  options: { readonly deadlineMs?: number } = {},
): Promise<RedisServerReport> {
  const info = infoOf(
    await redis.call(async (client) => await client.info(), options),
  );
  const errors: DaemonError[] = [];
  const warnings: string[] = [];
  const version = info.get("redis_version") ?? "";
  if (isOlder(version)) {
    errors.push(
      refusal(
        "REDIS_VERSION",
        `the server is version ${version || "unknown"}; ${oldest.join(".")} or newer is needed`,
      ),
    );
  }
  const policy = info.get("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction") {
    errors.push(
      refusal(
        "REDIS_POLICY",
        `maxmemory-policy ${policy} would drop journal keys; set it to noeviction`,
      ),
    );
  }
  if ((info.get("role") ?? "master") !== "master") {
    errors.push(
      refusal(
        "REDIS_REPLICA",
        "the server is a replica and takes no writes; redis.url must name the primary",
      ),
    );
  }
  if (info.get("aof_enabled") === "0") {
    warnings.push(
      "the append-only file is off: a restart of Redis loses accepted requests; set appendonly yes",
    );
  }
  if ((info.get("aof_last_write_status") ?? "ok") !== "ok") {
    warnings.push(
      "the append-only file cannot be written; look at the disk of Redis",
    );
  }
  return { errors, warnings };
}

function infoOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(/\r?\n/u).flatMap((line) => {
      const colon = line.indexOf(":");
      return colon > 0
        ? [[line.slice(0, colon), line.slice(colon + 1)] as const]
        : [];
    }),
  );
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < oldest[0] || (major === oldest[0] && minor < oldest[1]);
}

function refusal(code: string, what: string): DaemonError {
  return new DaemonError(`${code}: ${what}`, { code, retry: "never" });
}
