import type { EventMessage } from "../jobs/job.ts";
import type { Outbox, OutboxRow } from "../jobs/outbox.ts";
import { luaCommand } from "./lua-command.ts";
import { eventTexts, outboxRowsOf } from "./outbox-rows.ts";
import {
  storeScope,
  type RedisStoreOptions,
  type StoreScope,
} from "./store-scope.ts";

const removeBatch = 1_000;

const appendRows = luaCommand("append-outbox", {
  shared: ["now", "outbox"],
  keys: (_: readonly string[], { keys }) => [
    keys.outbox,
    keys.outboxDue,
    keys.outboxSequence,
  ],
  args: (texts, scope) => [scope.outboxGraceMs, ...texts],
  reply: outboxRowsOf,
});

const claimRows = luaCommand("claim-outbox", {
  shared: ["now"],
  keys: (_: number, { keys }) => [keys.outbox, keys.outboxDue],
  args: (limit, scope) => [limit, scope.outboxGraceMs],
  reply: outboxRowsOf,
});

const removeRows = luaCommand("remove-outbox", {
  keys: (_: readonly string[], { keys }) => [keys.outbox, keys.outboxDue],
  args: (ids) => ids,
  reply: ([count]) => Number(count),
});

/** The outbox of one backend in Redis. */
export class RedisOutbox implements Outbox {
  readonly #scope: StoreScope;

  constructor(options: RedisStoreOptions) {
    this.#scope = storeScope(options);
  }

  async append(events: readonly EventMessage[]): Promise<readonly OutboxRow[]> {
    return events.length === 0
      ? []
      : await appendRows(this.#scope, eventTexts(events));
  }

  async claimDue(limit: number): Promise<readonly OutboxRow[]> {
    const rows = await claimRows(this.#scope, limit);
    return rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  async remove(ids: readonly string[]): Promise<void> {
    for (let start = 0; start < ids.length; start += removeBatch) {
      await removeRows(this.#scope, ids.slice(start, start + removeBatch));
    }
  }

  async depth(): Promise<number> {
    const { redis, keys } = this.#scope;
    return await redis.call(async (client) => await client.hlen(keys.outbox));
  }
}
