import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { copyFile, stat } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { digestFile } from "../scripts/demo/digest-file.ts";
import type { LoggedRequest } from "../simulator/rest/request-log.ts";
import { type ArrayStage, startArrayStage } from "./array-stage.ts";
import { call, quantile } from "./bench-stage.ts";
import { inFlight } from "./in-flight.ts";
import type { SeenExchange } from "./observe-http.ts";

const run = promisify(execFile);
const gib = 1024 ** 3;
const imageId = randomUUID();
const warmUp = 20;
const clones = 100;
const blocks = 4;
const labelPath = "volumes/tags/batch";

/** One clone, from all sides; milliseconds. */
interface Sample {
  /** `create_volume`, as its caller sees it. */
  readonly rpc: number;
  /** The daemon's step from the image-volume to the volume. */
  readonly clone: number;
  /** The POST of that step at the daemon's socket. */
  readonly post: number;
  /** The same POST within the array. */
  readonly array: number;
}

interface Created {
  readonly volumeId: string;
  readonly rpc: number;
  readonly clone: number;
}

/** A 10 GiB disk of which some 700 MiB are not zero. */
async function publishImage(stage: ArrayStage): Promise<void> {
  const path = join(stage.folder, "ten-gib.qcow2");
  await copyFile(stage.files.largeQcow2.path, path);
  await run("qemu-img", ["resize", "-q", "-f", "qcow2", path, "10G"]);
  stage.images.add(imageId, "ten-gib", {
    path,
    diskFormat: "qcow2",
    sizeBytes: (await stat(path)).size,
    virtualSizeBytes: 10 * gib,
    sha512: await digestFile(path, "sha512"),
    rawSha256: "",
  });
}

async function create(
  stage: ArrayStage,
  expected: "hit" | "miss",
): Promise<Created> {
  const volumeId = randomUUID();
  const args = { volume_id: volumeId, image_id: imageId };
  const startedAt = performance.now();
  const volume = await call(stage, "create_volume", args);
  const rpc = performance.now() - startedAt;
  const { clone } = volume["timings_ms"] as { readonly clone: number };
  if (volume["path"] !== expected || volume["size"] !== 10) {
    throw new Error(`not a ${expected} of 10 GiB: ${JSON.stringify(volume)}`);
  }
  return { volumeId, rpc, clone };
}

/** Volumes are labelled after the reply: until that is done it would slow down what is measured next. */
async function labelled(
  stage: ArrayStage,
  created: readonly Created[],
): Promise<void> {
  const untilMs = performance.now() + 60_000;
  for (;;) {
    const labels = (await stage.array.log())
      .filter(({ path, status }) => path === labelPath && status === 200)
      .map(({ body }) => JSON.stringify(body))
      .join("\n");
    if (created.every(({ volumeId }) => labels.includes(volumeId))) {
      return;
    }
    if (performance.now() > untilMs) {
      throw new Error("volumes were not labelled within a minute");
    }
    await delay(20);
  }
}

/** All that were created, with the POST of each, of which there has to be one. */
function samplesOf(
  created: readonly Created[],
  exchanges: readonly SeenExchange[],
  log: readonly LoggedRequest[],
): readonly Sample[] {
  const atArray = Map.groupBy(
    log.filter(({ method, path }) => method === "POST" && path === "volumes"),
    ({ query }) => query["names"] ?? "",
  );
  const atSocket = Map.groupBy(
    exchanges.filter(({ method }) => method === "POST"),
    ({ path }) => /\/volumes\?names=(?<name>[^&]+)/u.exec(path)?.[1] ?? "",
  );
  return created.map(({ volumeId, rpc, clone }) => {
    const name = `volume-${volumeId}-ivc`;
    const [post, ...more] = atSocket.get(name) ?? [];
    const [inArray, ...others] = atArray.get(name) ?? [];
    if (!post || !inArray || more.length > 0 || others.length > 0) {
      throw new Error(`volume ${volumeId} was not made with one POST`);
    }
    return { rpc, clone, post: post.ms, array: inArray.ms };
  });
}

function line(what: string, values: readonly number[], perSecond?: number) {
  const [p50, p99] = [quantile(values, 0.5), quantile(values, 0.99)];
  console.log(
    [
      what.padEnd(58),
      p50.toFixed(1).padStart(8),
      p99.toFixed(1).padStart(8),
      perSecond === undefined ? "" : perSecond.toFixed(0).padStart(7),
    ].join(""),
  );
  return p50;
}

/** Creates and bare POSTs in turn, block by block, so that both see the same machine. */
async function measure(
  stage: ArrayStage,
  source: string,
  limit: number,
): Promise<void> {
  const created: Created[] = [];
  const bare: number[] = [];
  const rates = { creates: 0, posts: 0 };
  const count = clones / blocks;
  for (let block = 0; block < blocks; block += 1) {
    const creates = await inFlight(count, limit, async () => {
      created.push(await create(stage, "hit"));
    });
    await labelled(stage, created);
    const posts = await inFlight(count, limit, async () => {
      const name = `bare-${randomUUID()}`;
      const body = { source: { name: source } };
      await stage.rest.call("POST", `volumes?names=${name}`, body);
    });
    bare.push(...posts.latenciesMs);
    rates.creates += creates.perSecond / blocks;
    rates.posts += posts.perSecond / blocks;
  }
  const [exchanges, log] = [await stage.exchanges(), await stage.array.log()];
  const samples = samplesOf(created, exchanges, log);
  const of = (value: (sample: Sample) => number) => samples.map(value);
  console.log(
    `\n${`${clones} clones, ${limit} in flight`.padEnd(58)}  p50 ms  p99 ms    1/s`,
  );
  line(
    "create_volume, whole RPC",
    of(({ rpc }) => rpc),
    rates.creates,
  );
  line(
    "  outside the POST",
    of(({ rpc, post }) => rpc - post),
  );
  const clone = line(
    "its clone step",
    of((sample) => sample.clone),
  );
  line(
    "  the POST, at the daemon's socket",
    of(({ post }) => post),
  );
  line(
    "  the same POST, within the array",
    of(({ array }) => array),
  );
  line(
    "  DAEMON'S SHARE: the step outside the POST",
    of((sample) => sample.clone - sample.post),
  );
  line(
    "  upper bound: the step outside the array (network, TLS)",
    of((sample) => sample.clone - sample.array),
  );
  const post = line("POST alone, by a minimal client", bare, rates.posts);
  console.log(
    `${"clone step / POST alone, medians".padEnd(58)}${(clone / post).toFixed(2).padStart(8)}`,
  );
}

/** Name of the one image-volume that the array has. */
async function imageVolume(stage: ArrayStage): Promise<string> {
  const filter = encodeURIComponent("name='ivc-img-*'");
  const found = await stage.rest.call(
    "GET",
    `volumes?destroyed=false&limit=10&filter=${filter}`,
  );
  return String(found[0]?.["name"]);
}

async function main(): Promise<void> {
  await using stage = await startArrayStage();
  console.log(
    `a simulated array, REST 2.26, whose clones ${stage.isReflink ? "share blocks" : "are copies: no reflink here"}; load ${loadavg()[0]?.toFixed(1)}`,
  );
  await publishImage(stage);
  const cold = await create(stage, "miss");
  console.log(`first create, written over iSCSI: ${cold.rpc.toFixed(0)} ms`);
  const first = await create(stage, "hit");
  console.log(
    `first clone: ${first.rpc.toFixed(1)} ms; then ${warmUp} that do not count`,
  );
  const warm: Created[] = [];
  for (let index = 0; index < warmUp; index += 1) {
    warm.push(await create(stage, "hit"));
  }
  await labelled(stage, warm);
  const source = await imageVolume(stage);
  await measure(stage, source, 1);
  await measure(stage, source, 8);
}

await main();
