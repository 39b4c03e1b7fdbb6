import type { Acquire, Acquired } from "../cache/cache-store.ts";
import { DaemonError, type Fault } from "../errors.ts";
import type { FillRequest } from "../jobs/job.ts";
import { entryOf } from "./entry-fields.ts";
import { fieldsOf, luaCommand, type LuaReply } from "./lua-command.ts";
import type { StoreScope } from "./store-scope.ts";

type AcquireCall = Acquire & { readonly oldKey: string };
type Answer = Acquired | { readonly kind: "moved"; readonly oldKey: string };

const acquire = luaCommand("acquire", {
  shared: ["now", "job", "entry"],
  keys: (p: AcquireCall, { keys }) => [
    keys.entry(p.entryKey),
    keys.job(p.jobId),
    keys.leases(p.entryKey),
    keys.waiters(p.entryKey),
    keys.recency,
    keys.filling,
    keys.evicting,
    keys.alias(p.image.imageId),
    keys.failed(p.entryKey),
    keys.verdict(p.awaitedFillId ?? "none"),
    keys.jobsOpen,
    keys.job(p.fillId),
    keys.fence,
    keys.use,
    keys.reserved,
    keys.entry(p.oldKey === "" ? "none" : p.oldKey),
  ],
  args: (p, scope) => [
    p.jobId,
    p.token,
    p.entryKey,
    p.content,
    p.image.imageId,
    p.fillId,
    p.imageVolumeId,
    p.awaitedFillId === null ? 0 : 1,
    p.oldKey,
    scope.node,
    fillRequest(p),
    JSON.stringify({ ...p.access, authToken: undefined }),
    scope.claimTtlMs,
    scope.leaseTtlMs,
    scope.waiterTtlMs,
    scope.keys.hints,
  ],
  reply: answerOf,
});

/** {@link acquire}, called again with the entry that the image id stood for when it moves to this one. */
export async function acquireEntry(
  scope: StoreScope,
  parameters: Acquire,
): Promise<Acquired> {
  let oldKey = "";
  for (let tries = 0; tries < 10; tries += 1) {
    const answer = await acquire(scope, { ...parameters, oldKey });
    if (answer.kind !== "moved") {
      return answer;
    }
    oldKey = answer.oldKey;
  }
  throw new DaemonError(
    `ALIAS_UNSTABLE: image ${parameters.image.imageId} changes its content at the source all the time`,
    { code: "ALIAS_UNSTABLE", retry: "later" },
  );
}

function fillRequest(p: Acquire): string {
  return JSON.stringify({
    kind: "fill",
    image: p.image,
    content: p.content,
    entryKey: p.entryKey,
    imageVolumeId: p.imageVolumeId,
    recordChecksum: p.recordChecksum,
  } satisfies FillRequest);
}

function answerOf(
  [word, second, what]: LuaReply,
  { entryKey }: AcquireCall,
): Answer {
  const kind = String(word);
  const text = String(second ?? "");
  const staleKeys = text === "" ? [] : [text];
  switch (kind) {
    case "moved":
      return { kind, oldKey: text };
    case "lost":
      return { kind, staleKeys: [] };
    case "evicting":
      return { kind, staleKeys };
    case "hit": {
      const entry = entryOf(entryKey, fieldsOf(what));
      if (entry !== null) {
        return { kind, staleKeys, entry };
      }
      break;
    }
    case "filling":
    case "miss":
      return { kind, staleKeys, fillId: String(what) };
    case "failed":
      return { kind, staleKeys, fault: JSON.parse(String(what)) as Fault };
    case "bypass":
      return { kind, staleKeys, reason: String(what) };
  }
  throw unexpectedReply("acquire", kind);
}

/** A script answered a word that its header does not have. */
export function unexpectedReply(script: string, word: unknown): DaemonError {
  return new DaemonError(
    `REDIS_REPLY: the script ${script} answered ${JSON.stringify(word)}; are all daemons of the same version?`,
    { code: "REDIS_REPLY", retry: "never" },
  );
}
