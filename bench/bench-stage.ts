import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { RpcClient } from "../cli/rpc-client.ts";
import { defaultNames } from "../scripts/demo/bus-names.ts";
import { ImageServer } from "../scripts/demo/image-server.ts";
import {
  type DemoImages,
  prepareImages,
} from "../scripts/demo/prepare-images.ts";
import {
  type RunningDaemon,
  startDaemon,
} from "../scripts/demo/start-daemon.ts";
import { startRabbitmq } from "../scripts/servers/rabbitmq-server.ts";
import { startRedis } from "../scripts/servers/redis-server.ts";
import { mountXfs } from "../scripts/xfs.ts";

/** What a benchmark runs on: real servers of its own, one daemon, images of known content. */
export interface BenchStage extends AsyncDisposable {
  readonly rpc: RpcClient;
  readonly images: ImageServer;
  readonly files: DemoImages;
  readonly daemon: RunningDaemon;
  /** Folder of the volumes. */
  readonly root: string;
  readonly isReflink: boolean;
}

/** Ids the images are published under. */
export const benchImages = { raw: randomUUID(), qcow2: randomUUID() };

/** Starts everything; Redis keeps an append-only file, as in production. */
export async function startStage(): Promise<BenchStage> {
  await using stack = new AsyncDisposableStack();
  const files = await prepareImages(() => {});
  const images = stack.use(await ImageServer.start());
  images.add(benchImages.raw, "raw", files.large);
  images.add(benchImages.qcow2, "qcow2", files.largeQcow2);
  const xfs = stack.use(await mountXfs({ sizeGb: 40 }));
  const redis = stack.use(await startRedis({ appendOnly: true }));
  const rabbitmq = stack.use(await startRabbitmq());
  const around = {
    amqpUrl: rabbitmq.url,
    redisUrl: redis.url,
    glanceUrl: images.url,
    place: { IVC_FILE_ROOT: xfs.path },
    names: defaultNames,
    maxCount: 0,
  };
  const daemon = stack.use(await startDaemon(around));
  const rpc = stack.use(
    await RpcClient.connect({
      url: around.amqpUrl,
      exchange: defaultNames.exchange,
      topic: defaultNames.topic,
    }),
  );
  const owned = stack.move();
  return {
    rpc,
    images,
    files,
    daemon,
    root: xfs.path,
    isReflink: xfs.isReflink,
    [Symbol.asyncDispose]: async () => {
      await owned.disposeAsync();
    },
  };
}

const context = { project_id: "bench", is_admin: true };

/** One call to the daemon; answers its result. */
export async function call(
  { rpc }: Pick<BenchStage, "rpc">,
  method: string,
  args: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  return (await rpc.call(
    method,
    { ...args },
    { context, timeoutMs: 600_000 },
  )) as Record<string, unknown>;
}

/** Resident memory of a process, and the most it ever was; MiB. */
export async function residentMib(
  pid: number,
): Promise<{ readonly now: number; readonly peak: number }> {
  const text = await readFile(`/proc/${pid}/status`, "utf8");
  const field = (name: string) =>
    Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1]) / 1024);
  return { now: field("VmRSS"), peak: field("VmHWM") };
}

/** The p-th part of sorted values. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return (
    sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ??
    Number.NaN
  );
}
