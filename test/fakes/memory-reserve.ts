import type { Reserve, Reserved } from "../../daemon/cache/cache-store.ts";
import type { MemoryEntry, MemoryState } from "./memory-state.ts";

interface Amount {
  readonly gb: number;
  readonly count: number;
}

/** `reserve` in memory; see the port for what it answers. */
export function reserveInMemory(
  state: MemoryState,
  reserve: Reserve,
): Reserved {
  const { entryKey, fillId, token, sizeGb, limits } = reserve;
  const held = state.entries.get(entryKey);
  const isFilling =
    held?.entry.state === "filling" && held.entry.fillId === fillId;
  if (!isFilling || !state.owns(fillId, token)) {
    return { kind: "lost" };
  }
  if (limits.maxSizeGb > 0 && sizeGb > limits.maxSizeGb) {
    return { kind: "never-fits" };
  }
  const others = usedByOthers(state, fillId);
  const wanted = { gb: others.gb + sizeGb, count: others.count + 1 };
  if (isWithin(wanted, reserve)) {
    state.reserved.set(fillId, sizeGb);
    held.entry.sizeGb = sizeGb;
    return { kind: "reserved" };
  }
  const victims = victimsFor(state, wanted, reserve);
  if (victims === null) {
    return { kind: "no-room-now" };
  }
  if (victims.length === 0) {
    return { kind: "evictions-pending" };
  }
  const reason = isWithin(others, reserve) ? "lru" : "limit";
  const dueMs = state.now() + state.timing.claimTtlMs;
  for (const victim of victims) {
    state.startEviction(victim, reason, dueMs);
  }
  return {
    kind: "evict-first",
    victims: victims.map(({ entry }) => ({ ...entry })),
  };
}

/** Who has to go besides what is going already; null when that would not be enough. */
function victimsFor(
  state: MemoryState,
  wanted: Amount,
  reserve: Reserve,
): readonly MemoryEntry[] | null {
  let left = minus(wanted, state.leaving());
  const victims: MemoryEntry[] = [];
  for (const candidate of evictable(state)) {
    if (!isWithin(left, reserve)) {
      victims.push(candidate);
      left = minus(left, { gb: candidate.entry.sizeGb, count: 1 });
    }
  }
  return isWithin(left, reserve) ? victims : null;
}

function usedByOthers(state: MemoryState, fillId: string): Amount {
  const use = state.use();
  const own = state.reserved.get(fillId);
  return minus(
    {
      gb: use.entriesGb + use.reservedGb,
      count: use.entriesCount + use.reservedCount,
    },
    { gb: own ?? 0, count: own === undefined ? 0 : 1 },
  );
}

function minus(a: Amount, b: Amount): Amount {
  return { gb: a.gb - b.gb, count: a.count - b.count };
}

function isWithin({ gb, count }: Amount, { limits }: Reserve): boolean {
  return (
    (limits.maxSizeGb <= 0 || gb <= limits.maxSizeGb) &&
    (limits.maxCount <= 0 || count <= limits.maxCount)
  );
}

/** Ready and not leased, least recently used first. */
function evictable(state: MemoryState): readonly MemoryEntry[] {
  return [...state.entries.values()]
    .filter(
      ({ entry, leases }) =>
        entry.state === "ready" && state.living(leases).length === 0,
    )
    .toSorted(
      (a, b) =>
        a.entry.usedAtMs - b.entry.usedAtMs ||
        (a.entry.key < b.entry.key ? -1 : 1),
    );
}
