import assert from "node:assert/strict";
import type { Redis } from "ioredis";
import type { CacheEntry } from "../../daemon/cache/cache-entry.ts";
import type { CacheStore } from "../../daemon/cache/cache-store.ts";
import { contentKey } from "../../daemon/image.ts";
import type { Job } from "../../daemon/jobs/job.ts";
import { backendKeys } from "../../daemon/redis/keys.ts";
import {
  commitOf,
  newCreate,
  wanting,
  type NodeStores,
} from "../contract/store-kit.ts";
import { MemoryStore } from "../fakes/memory-store.ts";

const keys = backendKeys("file");
/** What the index has to hold at every moment. */
export const limits = { maxSizeGb: 5, maxCount: 3 };
/** Hashes of the images that are asked for. */
export const contents = ["c0", "c1", "c2", "c3", "c4"];

/** A worker's create or fill: what it believes of its claim, which may be outdated. */
interface Worker {
  readonly job: Job;
  readonly hash: string;
  readonly imageId: string;
  readonly entryKey: string;
  awaited: string;
}

/** One thing that some worker does. */
export interface Step {
  readonly kind: number;
  readonly pick: number;
  readonly value: number;
}

/** The same steps done on Redis and on the plain model, which must answer alike. */
export class Comparison {
  readonly #client: Redis;
  readonly #real: NodeStores;
  readonly #model: NodeStores;
  readonly #memory: MemoryStore;
  readonly #creates: Worker[] = [];
  readonly #fills: { fillId: string; entryKey: string; token: number }[] = [];
  #now = 0;
  #serial = 0;

  constructor(client: Redis, real: NodeStores) {
    this.#client = client;
    this.#real = real;
    const longMs = 3_600_000;
    this.#memory = new MemoryStore({
      now: () => this.#now,
      claimTtlMs: longMs,
      leaseTtlMs: longMs,
      waiterTtlMs: longMs,
    });
    this.#model = this.#memory.forNode("n1");
  }

  async run({ kind, pick, value }: Step): Promise<void> {
    await this.#tick();
    const steps = [
      async () => await this.#open(pick, value),
      async () => await this.#look(pick),
      async () => await this.#reserve(pick, value),
      async () => await this.#commit(pick, value),
      async () => await this.#abandon(pick, value),
      async () => await this.#confirmEviction(pick, value),
      async () => await this.#mark(pick, value),
      async () => await this.#release(pick, value),
      async () => await this.#expireLease(pick),
      async () => await this.#takeOver(pick),
      async () => await this.#bypass(pick, value),
    ];
    // The steps of an ordinary life come more often than the others.
    const often = [0, 0, 1, 1, 2, 3, 3, 3, 3, 5, 5, 7, 7, 7, 7];
    const all = [...often, 4, 6, 8, 9, 10];
    await steps[all[kind % all.length] ?? 0]?.();
    await this.#check();
  }

  /** Both clocks go on, so that the order of use is the same. */
  async #tick(): Promise<void> {
    this.#now += 1;
    const start = await this.#client.time();
    let time = start;
    while (
      Number(time[0]) * 1e3 + Math.floor(Number(time[1]) / 1e3) <=
      Number(start[0]) * 1e3 + Math.floor(Number(start[1]) / 1e3)
    ) {
      time = await this.#client.time();
    }
  }

  async #both<T>(what: (stores: NodeStores) => Promise<T>): Promise<T> {
    const real = await what(this.#real);
    assert.deepEqual(plain(real), plain(await what(this.#model)));
    return real;
  }

  async #open(pick: number, value: number): Promise<void> {
    const hash = contents[pick % contents.length] ?? "c0";
    const create = newCreate();
    const opened = await this.#both(
      async ({ jobs }) => await jobs.openCreate(create),
    );
    if (opened.kind === "opened") {
      this.#creates.push({
        job: opened.job,
        hash,
        // Image 0 changes its content at times: entries go stale.
        imageId: value % 4 === 0 ? "image-0" : `image-${hash}`,
        entryKey: contentKey(`sha256:${hash}/raw`),
        awaited: "",
      });
      await this.#look(this.#creates.length - 1);
    }
  }

  async #look(pick: number): Promise<void> {
    const worker = this.#creates[pick % this.#creates.length];
    if (worker === undefined) {
      return;
    }
    this.#serial += 1;
    const fillId = `fill-${this.#serial}`;
    const { job, hash, imageId, awaited } = worker;
    const wanted = wanting(job, hash, { imageId, fillId, awaited });
    const acquired = await this.#both(
      async ({ cache }) => await cache.acquire(wanted),
    );
    if (acquired.kind === "miss" || acquired.kind === "filling") {
      worker.awaited = acquired.fillId;
    }
    if (acquired.kind === "miss") {
      const fill = await this.#real.jobs.get(fillId);
      const token = fill?.job?.token ?? 0;
      this.#fills.push({ fillId, entryKey: worker.entryKey, token });
    }
  }

  async #reserve(pick: number, value: number): Promise<void> {
    const fill = recent(this.#fills, pick);
    if (fill !== undefined) {
      const reserve = {
        ...fill,
        sizeGb: value === 30 ? 6 : 1 + (value % 3),
        limits,
      };
      const answer = await this.#both(
        async ({ cache }) => await cache.reserve(reserve),
      );
      const victims = answer.kind === "evict-first" ? answer.victims : [];
      for (const { key } of victims) {
        assert.equal(await this.#real.cache.leaseCount(key), 0);
      }
    }
  }

  async #commit(pick: number, value: number): Promise<void> {
    const fill = recent(this.#fills, pick);
    const entry =
      fill === undefined ? null : await this.#real.cache.get(fill.entryKey);
    if (fill === undefined) {
      return;
    }
    const isReserved = this.#memory.state.reserved.has(fill.fillId);
    const ends = !isReserved && entry?.state === "filling";
    if (ends && entry.fillId === fill.fillId) {
      // Never reserved: a commit of it is a bug, which has a test of its own.
      await this.#reserve(pick, value);
      return;
    }
    const room = this.#memory.state.reserved.get(fill.fillId) ?? 1;
    const sizeGb = Math.max(1, room - (value % 2));
    const commit = {
      ...commitOf(fill, sizeGb),
    };
    const { kind } = await this.#both(
      async ({ cache }) => await cache.commit(commit),
    );
    if (kind === "committed" && value % 3 > 0) {
      this.#fills.splice(this.#fills.indexOf(fill), 1);
    }
  }

  async #abandon(pick: number, value: number): Promise<void> {
    const fill = recent(this.#fills, pick);
    if (fill !== undefined) {
      const end = { kind: "bypass", reason: `r${value}` } as const;
      await this.#both(
        async ({ cache }) =>
          await cache.abandonFill({ ...fill, end, events: [] }),
      );
    }
  }

  async #confirmEviction(pick: number, value: number): Promise<void> {
    const evicting = (await this.#real.cache.list()).filter(
      ({ state }) => state === "evicting",
    );
    const entry = evicting[pick % evicting.length];
    if (entry === undefined) {
      return;
    }
    // A daemon deletes only what nobody leases, or what is lost anyway.
    const isFree = (await this.#real.cache.leaseCount(entry.key)) === 0;
    await this.#both(async ({ cache }) => {
      await (value % 4 === 0 || !isFree
        ? cache.evictionFailed(entry.key, 3_600_000)
        : cache.evictionDone(entry.key, entry.providerId ?? "", []));
    });
  }

  async #mark(pick: number, value: number): Promise<void> {
    const hash = contents[pick % contents.length] ?? "c0";
    const key = contentKey(`sha256:${hash}/raw`);
    const isLost = value % 3 === 0;
    await this.#both(
      async ({ cache }) =>
        await cache.markEvicting(key, isLost ? "lost" : "manual", isLost, null),
    );
  }

  async #release(pick: number, value: number): Promise<void> {
    const index = pick % this.#creates.length;
    const worker = this.#creates[index];
    if (worker === undefined) {
      return;
    }
    const { job, entryKey } = worker;
    if (value % 2 === 0) {
      await this.#both(
        async ({ cache }) =>
          await cache.releaseLease(entryKey, job.id, job.token),
      );
      return;
    }
    await this.#both(async ({ jobs }) => {
      const { kind } = await jobs.finish({
        jobId: job.id,
        token: job.token,
        patch: { status: "available" },
        outcome: { kind: "result", result: null },
        events: [],
        releaseEntryKey: entryKey,
      });
      return kind;
    });
    this.#creates.splice(index, 1);
  }

  async #expireLease(pick: number): Promise<void> {
    const worker = this.#creates[pick % this.#creates.length];
    if (worker === undefined) {
      return;
    }
    const { job, entryKey } = worker;
    const held = this.#memory.state.entries.get(entryKey);
    for (const [kind, members] of [
      ["leases", held?.leases],
      ["waiters", held?.waiters],
    ] as const) {
      if (members?.has(job.id) === true) {
        members.set(job.id, 0);
        await this.#client.zadd(keys[kind](entryKey), "XX", 0, job.id);
      }
    }
  }

  /** A fill's owner falls silent and another daemon takes the fill; the old owner goes on with its old token. */
  async #takeOver(pick: number): Promise<void> {
    const fill = recent(this.#fills, pick);
    const held = this.#memory.state.jobs.get(fill?.fillId ?? "");
    if (fill === undefined || held === undefined || held.isDone) {
      return;
    }
    held.dueMs = 0;
    await this.#client.zadd(keys.jobsOpen, 0, fill.fillId);
    const claimed = await this.#both(async ({ jobs }) =>
      (await jobs.claimDue(1)).map(({ id, token }) => ({ id, token })),
    );
    this.#fills.push({ ...fill, token: claimed[0]?.token ?? 0 });
  }

  async #bypass(pick: number, value: number): Promise<void> {
    const worker = this.#creates[pick % this.#creates.length];
    if (worker === undefined) {
      return;
    }
    const { job, entryKey } = worker;
    await this.#both(async ({ cache }) =>
      value % 2 === 0
        ? await cache.enterBypass(entryKey, job.id, 1, 3_600_000)
        : await cache.leaveBypass(entryKey, job.id),
    );
  }

  async #check(): Promise<void> {
    const { cache } = this.#real;
    const [entries, use] = await Promise.all([cache.list(), cache.use()]);
    assert.deepEqual(use, await this.#model.cache.use());
    const known = await this.#model.cache.list();
    const byKey = (list: readonly CacheEntry[]) =>
      new Map(list.map((entry) => [entry.key, plain(entry)]));
    assert.deepEqual(byKey(entries), byKey(known));
    await checkCounts(cache);
    const contentsSeen = entries.map(({ content }) => content);
    assert.equal(new Set(contentsSeen).size, contentsSeen.length);
    const held = async (stores: NodeStores) =>
      await Promise.all(
        entries.map(async ({ key }) => await stores.cache.leaseCount(key)),
      );
    assert.deepEqual(await held(this.#real), await held(this.#model));
  }
}

/** One of the last few, so that steps meet. */
function recent<T>(all: readonly T[], pick: number): T | undefined {
  return all.at(-1 - (pick % Math.min(all.length, 4)));
}

/** Without what depends on the clock. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (name, each: unknown) =>
      name.endsWith("AtMs") ? 0 : each,
    ),
  );
}

/** Fails unless what is counted is within the limits. */
export async function checkCounts(cache: CacheStore): Promise<void> {
  const { maxSizeGb, maxCount } = limits;
  const use = await cache.use();
  assert.ok(use.entriesGb + use.reservedGb <= maxSizeGb);
  assert.ok(use.entriesCount + use.reservedCount <= maxCount);
}
