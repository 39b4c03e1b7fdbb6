import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Redis } from "ioredis";
import type { RedisConnection } from "./connection.ts";
import type { StoreScope } from "./store-scope.ts";

/** What a script answers: words, and lists of them. */
export type LuaReply = readonly LuaValue[];

/** One element of a {@link LuaReply}. */
export type LuaValue = string | number | null | LuaReply;

/** All that every command needs of its scope. */
interface HasRedis {
  readonly redis: RedisConnection;
}

/** How a script is called: its keys, its arguments, and what its answer means. */
export interface LuaCommandSpec<P, R, S> {
  /** Files of `lua/shared` whose functions the script uses. */
  readonly shared?: readonly string[];
  readonly keys: (parameters: P, scope: S) => readonly string[];
  readonly args: (parameters: P, scope: S) => readonly (string | number)[];
  readonly reply: (reply: LuaReply, parameters: P) => R;
}

/** Sends one script; repeated after a lost connection, so scripts are idempotent. */
export type LuaCommand<P, R, S> = (scope: S, parameters: P) => Promise<R>;

/** Makes the only function that calls `lua/<name>.lua`. */
export function luaCommand<P, R, S extends HasRedis = StoreScope>(
  name: string,
  spec: LuaCommandSpec<P, R, S>,
): LuaCommand<P, R, S> {
  const text = [...(spec.shared ?? []).map((file) => `shared/${file}`), name]
    .map((file) =>
      readFileSync(new URL(`lua/${file}.lua`, import.meta.url), "utf8"),
    )
    .join("\n");
  const sha = createHash("sha1").update(text).digest("hex");
  return async (scope, parameters) => {
    const keys = spec.keys(parameters, scope);
    const input = [...keys, ...spec.args(parameters, scope)];
    const reply = await scope.redis.call(
      async (client) => await send(client, { sha, text }, keys.length, input),
    );
    return spec.reply(reply, parameters);
  };
}

async function send(
  client: Redis,
  script: { readonly sha: string; readonly text: string },
  keyCount: number,
  input: readonly (string | number)[],
): Promise<LuaReply> {
  try {
    return (await client.evalsha(script.sha, keyCount, ...input)) as LuaReply;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("NOSCRIPT")) {
      return (await client.eval(script.text, keyCount, ...input)) as LuaReply;
    }
    throw error;
  }
}

/** A flat list of names and values, as HGETALL gives it to a script, as an object. */
export function fieldsOf(reply: LuaValue | undefined): Record<string, string> {
  const fields: Record<string, string> = {};
  if (Array.isArray(reply)) {
    const list = reply as LuaReply;
    for (let i = 0; i + 1 < list.length; i += 2) {
      fields[String(list[i])] = String(list[i + 1]);
    }
  }
  return fields;
}
