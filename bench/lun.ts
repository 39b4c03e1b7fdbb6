import { execFile } from "node:child_process";
import { copyFile, rm } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { IscsiTarget } from "../daemon/backends/volume-backend.ts";
import { findIscsiTools } from "../daemon/imagesync/find-iscsi-tools.ts";
import { findQemuImg } from "../daemon/imagesync/find-qemu-img.ts";
import { LunWriter } from "../daemon/imagesync/lun-writer.ts";
import { QemuImg, type SpooledImage } from "../daemon/imagesync/qemu-img.ts";
import type { ImageFile } from "../scripts/demo/prepare-images.ts";
import { type ArrayStage, startArrayStage } from "./array-stage.ts";
import { benchImages, call, quantile } from "./bench-stage.ts";
import { LunDesk } from "./lun-desk.ts";

const run = promisify(execFile);
const rounds = { convert: 5, whole: 3 };
const formats = ["raw", "qcow2"] as const;
const ourFlags = "-n --target-is-zero -W -m 16 -t none".split(" ");

type Work = () => Promise<number>;

/** Milliseconds of one work. */
interface Spent {
  readonly median: number;
  readonly best: number;
}

/** Runs all works in turn, round by round, each time another one first; what they took, in their order. */
async function inTurn(
  stage: ArrayStage,
  count: number,
  works: readonly Work[],
): Promise<readonly Spent[]> {
  const spent = works.map((): number[] => []);
  for (let round = 0; round < count; round += 1) {
    for (let turn = 0; turn < works.length; turn += 1) {
      const which = (round + turn) % works.length;
      // What was written before is not to be paid for now.
      await run("sync", ["-f", stage.folder]);
      const ms = await works[which]?.();
      spent[which]?.push(ms ?? Number.NaN);
    }
  }
  return spent.map((values) => ({
    median: quantile(values, 0.5),
    best: Math.min(...values),
  }));
}

/** A table of works, each but the first with how ours compares. */
function report(what: string, works: readonly (readonly [string, Spent])[]) {
  const header = "median ms  best ms   ivcd / it: medians, best";
  console.log(`\n${what.padEnd(46)}${header}`);
  const [, own] = works[0] ?? [];
  for (const [name, spent] of works) {
    const ratio = (key: keyof Spent) =>
      spent === own || own === undefined
        ? "".padStart(10)
        : (own[key] / spent[key]).toFixed(2).padStart(10);
    console.log(
      [
        `  ${name}`.padEnd(46),
        spent.median.toFixed(0).padStart(9),
        spent.best.toFixed(0).padStart(9),
        ratio("median").padStart(21),
        ratio("best"),
      ].join(""),
    );
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** What an operator would type. */
async function convertByHand(
  flags: readonly string[],
  image: SpooledImage,
  target: IscsiTarget,
): Promise<void> {
  const device = [
    "driver=raw,file.driver=iscsi,file.transport=tcp",
    `file.portal=${target.portals[0]}`,
    `file.target=${target.iqn}`,
    `file.lun=${target.lun}`,
    `file.initiator-name=${target.initiatorName}`,
  ].join(",");
  const [from, to] = [image.path, ["--target-image-opts", device]];
  await run("qemu-img", ["convert", ...flags, "-f", image.format, from, ...to]);
}

async function writer(scratchDir: string): Promise<LunWriter> {
  const tools = await findQemuImg();
  const iscsi = await findIscsiTools(tools);
  const qemuImg = new QemuImg(tools);
  return new LunWriter({ ...tools, ...iscsi, qemuImg, scratchDir });
}

async function measureConvert(
  stage: ArrayStage,
  desk: LunDesk,
  image: SpooledImage,
  sizeBytes: number,
): Promise<void> {
  const ours = await writer(stage.folder);
  const signal = new AbortController().signal;
  const intoNew =
    (write: (target: IscsiTarget) => Promise<unknown>): Work =>
    async () => {
      await using target = await desk.lend(sizeBytes);
      return await timed(async () => await write(target));
    };
  const works = {
    "ivcd: serial asked, then converted": intoNew(async (lun) => {
      await ours.write(image, lun, () => {}, { signal });
    }),
    "qemu-img convert, same flags": intoNew(async (lun) => {
      await convertByHand(ourFlags, image, lun);
    }),
    "qemu-img convert -n": intoNew(async (lun) => {
      await convertByHand(["-n"], image, lun);
    }),
  };
  const spent = await inTurn(stage, rounds.convert, Object.values(works));
  report(`${image.format} into a new LUN`, named(works, spent));
}

function named(
  works: Readonly<Record<string, Work>>,
  spent: readonly Spent[],
): readonly (readonly [string, Spent])[] {
  const nothing = { median: Number.NaN, best: Number.NaN };
  return Object.keys(works).map((name, at) => [name, spent[at] ?? nothing]);
}

/** A first create and what it stands for: download, sum, convert. */
async function measureWhole(
  stage: ArrayStage,
  desk: LunDesk,
  format: "raw" | "qcow2",
  file: ImageFile,
): Promise<void> {
  const byDaemon = async () => {
    const args = { image_id: benchImages[format] };
    const startedAt = performance.now();
    const volume = await call(stage, "create_volume", args);
    const spent = performance.now() - startedAt;
    if (volume["path"] !== "miss" || volume["reason"] !== "not-cached") {
      throw new Error(`not a cold create: ${JSON.stringify(volume)}`);
    }
    await call(stage, "delete_volume", { volume_id: volume["volume_id"] });
    await call(stage, "cache_evict", args);
    return spent;
  };
  const byHand = async () => {
    await using target = await desk.lend(file.virtualSizeBytes);
    const path = join(stage.folder, "downloaded");
    const url = `${stage.images.url}/v2/images/${benchImages[format]}/file`;
    const spent = await timed(async () => {
      await run("curl", ["--silent", "--fail", "--output", path, url]);
      const { stdout } = await run("sha512sum", [path]);
      if (!stdout.startsWith(file.sha512)) {
        throw new Error("the image arrived wrong");
      }
      await convertByHand(ourFlags, { path, format }, target);
    });
    await rm(path);
    return spent;
  };
  const works = {
    "ivcd: create_volume": byDaemon,
    "curl + sha512sum + qemu-img, same flags": byHand,
  };
  const spent = await inTurn(stage, rounds.whole, Object.values(works));
  report(`${format}, whole first create`, named(works, spent));
}

async function main(): Promise<void> {
  await using stage = await startArrayStage();
  const desk = await LunDesk.open(stage.rest);
  const files = { raw: stage.files.large, qcow2: stage.files.largeQcow2 };
  console.log(
    `a simulated array over loopback iSCSI (tgt), 1 GiB images with ${Math.round(files.qcow2.sizeBytes / 1024 ** 2)} MiB of data, works in turn; load ${loadavg()[0]?.toFixed(1)}`,
  );
  console.log(`flags of ivcd: ${ourFlags.join(" ")}`);
  for (const format of formats) {
    // On the file system of the daemon's scratch folder, and in memory, as a spooled image is.
    const path = join(stage.folder, `image.${format}`);
    await copyFile(files[format].path, path);
    const { virtualSizeBytes } = files[format];
    await measureConvert(stage, desk, { path, format }, virtualSizeBytes);
  }
  for (const format of formats) {
    stage.images.add(benchImages[format], format, files[format]);
    await measureWhole(stage, desk, format, files[format]);
  }
}

await main();
