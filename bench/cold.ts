import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { promisify } from "node:util";
import {
  benchImages,
  type BenchStage,
  call,
  quantile,
  residentMib,
  startStage,
} from "./bench-stage.ts";

const run = promisify(execFile);
const pairs = 3;

/** What an operator would type: download, check the sum, convert into place, flush. */
async function byHand(
  stage: BenchStage,
  format: "raw" | "qcow2",
): Promise<number> {
  const image = join(stage.root, ".bench-image");
  const volume = join(stage.root, ".bench-volume");
  const startedAt = performance.now();
  await run("curl", [
    "--silent",
    "--fail",
    "--output",
    image,
    `${stage.images.url}/v2/images/${benchImages[format]}/file`,
  ]);
  const { stdout } = await run("sha512sum", [image]);
  const file = format === "raw" ? stage.files.large : stage.files.largeQcow2;
  if (!stdout.startsWith(file.sha512)) {
    throw new Error("the image arrived wrong");
  }
  await run("qemu-img", ["convert", "-f", format, "-O", "raw", image, volume]);
  await run("sync", ["-d", volume]);
  const spent = performance.now() - startedAt;
  await rm(image);
  await rm(volume);
  return spent;
}

async function byDaemon(
  stage: BenchStage,
  format: "raw" | "qcow2",
): Promise<number> {
  const startedAt = performance.now();
  const volume = await call(stage, "create_volume", {
    image_id: benchImages[format],
  });
  const spent = performance.now() - startedAt;
  if (volume["path"] !== "miss") {
    throw new Error(`not a cold create: ${JSON.stringify(volume)}`);
  }
  await call(stage, "delete_volume", { volume_id: volume["volume_id"] });
  await call(stage, "cache_evict", { image_id: benchImages[format] });
  return spent;
}

async function main(): Promise<void> {
  await using stage = await startStage();
  console.log(
    "format     ivcd ms   by hand ms   by hand / ivcd   (medians of pairs, run in turn)",
  );
  for (const format of ["raw", "qcow2"] as const) {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      ours.push(await byDaemon(stage, format));
      theirs.push(await byHand(stage, format));
    }
    const [one, other] = [quantile(ours, 0.5), quantile(theirs, 0.5)];
    console.log(
      `${format.padEnd(8)}${one.toFixed(0).padStart(10)}${other.toFixed(0).padStart(13)}${(other / one).toFixed(2).padStart(17)}`,
    );
  }
  const memory = await residentMib(stage.daemon.pid);
  console.log(`\nRSS of ivcd: ${memory.now} MiB, peak ${memory.peak} MiB`);
}

await main();
