import type { Fields } from "../../cli/output/fields.ts";
import { humanBytes } from "../../cli/output/human-bytes.ts";
import { humanDuration } from "../../cli/output/human-duration.ts";
import { type Column, renderTable } from "../../cli/output/render-table.ts";
import type { CallDaemon } from "./place.ts";
import { demoContext, type Measurement, type Stage } from "./stage.ts";
import { verifyVolumes } from "./verify-volumes.ts";

/** Reads every volume and compares it with its image. */
export async function checkVolumes(stage: Stage): Promise<void> {
  const { place, signal } = stage;
  const volumes = [...stage.volumes.values()];
  stage.say(place.reading);
  const call: CallDaemon = async (method, args) =>
    await stage.rpc.call(method, args, {
      context: demoContext,
      timeoutMs: 60_000,
      signal,
    });
  const { problems, readCount } = await verifyVolumes(
    volumes,
    {
      fileOf: (volume) => place.fileOf(volume.name),
      open: async (volume) => await place.open(volume, call, signal),
    },
    (done, all) => stage.status.show(`    ${done} of ${all} read`),
  );
  stage.status.clear();
  const shared = volumes.length - readCount;
  stage.say(
    shared === 0
      ? `    all ${readCount} were read to their end`
      : `    ${readCount} were read to their end; the other ${shared} consist of the same blocks on disk as one of these`,
  );
  stage.claims.check(
    `sha256 of all ${volumes.length} volumes is that of their image, and zeros follow`,
    problems.length === 0,
    problems.join("; "),
  );
  const litter = place.litter();
  if (litter !== null) {
    stage.claims.check(
      "nothing half-made and no connection is left behind",
      litter.length === 0,
      litter.join(", "),
    );
  }
}

/** Compares the events that the subscriber saw with what was done. */
export async function checkEvents(stage: Stage): Promise<void> {
  const { events, claims } = stage;
  stage.say("Events, as a subscriber on the bus saw them");
  // What comes back takes the place of another.
  const restored = stage.place.keepsEvicted ? 1 : 0;
  const expected = [
    ["image_volume_cache.hit", 14],
    ["image_volume_cache.miss", 7 + restored],
    ["image_volume_cache.evict", 2 + restored],
  ] as const;
  for (const [type, count] of expected) {
    await events.has(type, {}, count);
  }
  for (const [type, count] of events.countByType()) {
    stage.say(`    ${`${count}`.padStart(3)}  ${type}`);
  }
  for (const [type, count] of expected) {
    const seen = events.payloads(type).length;
    claims.check(`${count} × ${type}`, seen === count, `${seen}`);
  }
  const ids = events
    .payloads("image_volume_cache.hit")
    .concat(events.payloads("image_volume_cache.miss"))
    .map((payload: Fields) => payload["volume_id"]);
  claims.check(
    "one hit or miss for each volume",
    new Set(ids).size === ids.length,
    `${ids.length - new Set(ids).size} more`,
  );
}

/** The table of all measurements. */
export function measurementTable(rows: readonly Measurement[]): string {
  const coldMs = rows[0]?.ms ?? 0;
  const columns: readonly Column<Measurement>[] = [
    { title: "CREATE", cell: (row) => row.what },
    { title: "PATH", cell: (row) => row.path },
    { title: "TIME", align: "right", cell: (row) => humanDuration(row.ms) },
    {
      title: "OVER THE WIRE",
      align: "right",
      cell: (row) => humanBytes(row.wireBytes),
    },
    {
      title: "FASTER THAN COLD",
      align: "right",
      cell: (row) =>
        row.isComparable && row !== rows[0]
          ? `${(coldMs / row.ms).toFixed(0)} ×`
          : "",
    },
  ];
  return renderTable(columns, rows);
}
