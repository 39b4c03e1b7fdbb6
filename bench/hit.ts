import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  benchImages,
  type BenchStage,
  call,
  quantile,
  residentMib,
  startStage,
} from "./bench-stage.ts";
import { inFlight, type Measured } from "./in-flight.ts";

const rounds = [
  { inFlight: 1, requests: 300 },
  { inFlight: 10, requests: 1000 },
  { inFlight: 50, requests: 2000 },
];

function row(what: string, limit: number, measured: Measured): string {
  const { latenciesMs, perSecond } = measured;
  return [
    what.padEnd(24),
    String(limit).padStart(9),
    quantile(latenciesMs, 0.5).toFixed(1).padStart(9),
    quantile(latenciesMs, 0.99).toFixed(1).padStart(9),
    perSecond.toFixed(0).padStart(9),
  ].join("");
}

/** The two things that a hit cannot do without: asking the image source, and the clone itself. */
async function measureParts(stage: BenchStage): Promise<void> {
  for (const { inFlight: limit, requests } of rounds) {
    const asked = await inFlight(requests, limit, async () => {
      const answer = await fetch(
        `${stage.images.url}/v2/images/${benchImages.raw}`,
      );
      await answer.arrayBuffer();
    });
    console.log(row("image source GET alone", limit, asked));
  }
  const gold =
    (await readdir(stage.root)).find((name) => name.startsWith("image-")) ?? "";
  const scratch = join(stage.root, ".bench-clone");
  const cloned = await inFlight(300, 1, async () => {
    await copyFile(join(stage.root, gold), scratch, constants.COPYFILE_FICLONE);
    await rm(scratch);
  });
  console.log(row("file clone + rm alone", 1, cloned));
}

async function main(): Promise<void> {
  await using stage = await startStage();
  console.log(
    `clones ${stage.isReflink ? "share blocks" : "are copies: no reflink here"}`,
  );
  const atRest = await residentMib(stage.daemon.pid);
  const cold = await call(stage, "create_volume", {
    image_id: benchImages.raw,
  });
  const coldMs = (cold["timings_ms"] as { total: number }).total;
  const idle = await residentMib(stage.daemon.pid);
  console.log(`cold create of the 1 GiB raw image: ${coldMs} ms\n`);
  console.log(`${"".padEnd(24)}in flight   p50 ms   p99 ms      1/s`);
  for (const { inFlight: limit, requests } of rounds) {
    const ids: string[] = [];
    const hits = await inFlight(requests, limit, async () => {
      const volumeId = randomUUID();
      ids.push(volumeId);
      const volume = await call(stage, "create_volume", {
        volume_id: volumeId,
        image_id: benchImages.raw,
      });
      if (volume["path"] !== "hit") {
        throw new Error(`not a hit: ${JSON.stringify(volume)}`);
      }
    });
    console.log(row("hit, whole RPC", limit, hits));
    await inFlight(ids.length, 20, async (index) => {
      await call(stage, "delete_volume", { volume_id: ids[index] });
    });
  }
  await measureParts(stage);
  const after = await residentMib(stage.daemon.pid);
  console.log(
    `\nRSS of ivcd: ${atRest.now} MiB at rest, ${idle.now} MiB after the cold create, ${after.now} MiB after the hits, peak ${after.peak} MiB`,
  );
}

await main();
