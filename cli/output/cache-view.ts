import { type Fields, fieldsOf } from "./fields.ts";
import { humanBytes } from "./human-bytes.ts";
import { humanDuration } from "./human-duration.ts";
import { humanTime } from "./human-time.ts";
import { printable } from "./printable.ts";
import { renderPairs } from "./render-pairs.ts";
import { type Column, renderTable } from "./render-table.ts";

const columns: readonly Column<Fields>[] = [
  { title: "IMAGE", cell: (e) => printable(e["image_id"]) },
  { title: "STATE", cell: (e) => printable(e["state"]) },
  { title: "GIB", align: "right", cell: (e) => printable(e["size_gb"]) },
  {
    title: "VIRTUAL",
    align: "right",
    cell: (e) => humanBytes(e["virtual_size_bytes"]),
  },
  { title: "HITS", align: "right", cell: (e) => printable(e["hits"]) },
  { title: "WAITERS", align: "right", cell: (e) => printable(e["waiters"]) },
  { title: "BACKEND", cell: (e) => printable(e["backend"]) },
  { title: "LAST USED", cell: (e) => humanTime(e["used_at"]) },
  { title: "CONTENT", cell: (e) => shortContent(printable(e["content"])) },
];

/** Cache entries as a table. */
export function cacheTable(entries: readonly Fields[]): string {
  return renderTable(columns, entries);
}

/** Everything about one cache entry. */
export function cacheDetails(entry: Fields): string {
  const { aliases, evict_reason: evictReason } = entry;
  return renderPairs([
    ["image", printable(entry["image_id"])],
    [
      "aliases",
      Array.isArray(aliases) && aliases.length > 1
        ? aliases.map((alias) => printable(alias)).join(", ")
        : null,
    ],
    ["content", printable(entry["content"])],
    ["key", printable(entry["key"])],
    ["state", printable(entry["state"])],
    ["evict reason", evictReason ? printable(evictReason) : null],
    ["backend", printable(entry["backend"])],
    ["image-volume", printable(entry["image_volume_id"])],
    ["provider id", printable(entry["provider_id"])],
    ["size", `${printable(entry["size_gb"])} GiB`],
    ["virtual size", humanBytes(entry["virtual_size_bytes"])],
    ["hits", printable(entry["hits"])],
    ["leases", printable(entry["leases"])],
    ["waiters", printable(entry["waiters"])],
    ["created", humanTime(entry["created_at"])],
    ["last used", humanTime(entry["used_at"])],
  ]);
}

/** Use, limits and hit ratio of a backend's cache. */
export function cacheStats(stats: Fields): string {
  const { requests, hit_ratio: hitRatio, lru_tail_age_s: tail } = stats;
  return renderPairs([
    ["backend", printable(stats["backend"])],
    ["host", printable(stats["host"])],
    ["enabled", printable(stats["enabled"])],
    ["entries", `${printable(stats["entries"])} of ${limit(stats, "count")}`],
    [
      "size",
      `${printable(stats["size_gb"])} GiB of ${limit(stats, "size_gb")}`,
    ],
    [
      "reserved",
      `${printable(stats["reserved_count"])} (${printable(stats["reserved_gb"])} GiB)`,
    ],
    ["requests", requestCounts(fieldsOf(requests))],
    [
      "hit ratio",
      typeof hitRatio === "number" ? `${(hitRatio * 100).toFixed(1)} %` : "-",
    ],
    [
      "oldest use",
      typeof tail === "number" ? `${humanDuration(tail * 1000)} ago` : "-",
    ],
    ["waiters", printable(stats["waiters"])],
    ["open jobs", printable(stats["open_jobs"])],
    ["outbox", printable(stats["outbox"])],
  ]);
}

function limit(stats: Fields, what: "count" | "size_gb"): string {
  const value = stats[`max_${what}`];
  if (typeof value !== "number" || value === 0) {
    return "unlimited";
  }
  return what === "count" ? `${value}` : `${value} GiB`;
}

function requestCounts(requests: Fields): string {
  return ["hit", "coalesced", "miss", "bypass"]
    .map((path) => `${path} ${printable(requests[path] ?? 0)}`)
    .join(", ");
}

/* A sha512 fills two lines of a terminal; `cache show` has it whole. */
function shortContent(content: string): string {
  return content.replace(/^([a-z0-9]+:[0-9a-f]{12})[0-9a-f]+/, "$1…");
}
