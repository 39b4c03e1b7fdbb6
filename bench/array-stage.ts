import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { RpcClient } from "../cli/rpc-client.ts";
import { defaultNames } from "../scripts/demo/bus-names.ts";
import { ImageServer } from "../scripts/demo/image-server.ts";
import {
  type DemoImages,
  prepareImages,
} from "../scripts/demo/prepare-images.ts";
import { startDaemon } from "../scripts/demo/start-daemon.ts";
import { startRabbitmq } from "../scripts/servers/rabbitmq-server.ts";
import { startRedis } from "../scripts/servers/redis-server.ts";
import { mountXfs } from "../scripts/xfs.ts";
import type { SeenExchange } from "./observe-http.ts";
import { PlainRestClient } from "./plain-rest-client.ts";
import { type ArrayProcess, startArray } from "./start-array.ts";

/** What a benchmark of the array backend runs on: real servers of its own, a simulated array, one daemon. */
export interface ArrayStage extends AsyncDisposable {
  readonly rpc: RpcClient;
  readonly images: ImageServer;
  readonly files: DemoImages;
  readonly array: ArrayProcess;
  /** Beside the daemon's, with a session of its own. */
  readonly rest: PlainRestClient;
  /** For the bench's files, on the file system of the volumes. */
  readonly folder: string;
  readonly isReflink: boolean;
  /** The daemon's HTTP exchanges so far, with the array and with the image service. */
  exchanges(): Promise<readonly SeenExchange[]>;
}

const observer = new URL("./observe-http.ts", import.meta.url).href;

/** Starts everything; Redis keeps an append-only file, as in production. */
export async function startArrayStage(): Promise<ArrayStage> {
  await using stack = new AsyncDisposableStack();
  const files = await prepareImages(() => {});
  const images = stack.use(await ImageServer.start());
  const xfs = stack.use(await mountXfs({ sizeGb: 60 }));
  const folder = join(xfs.path, "bench");
  await mkdir(folder);
  const array = stack.use(await startArray(xfs.path));
  const rest = stack.use(await PlainRestClient.open(array));
  const redis = stack.use(await startRedis({ appendOnly: true }));
  const rabbitmq = stack.use(await startRabbitmq());
  const httpLog = join(folder, "exchanges");
  const around = {
    amqpUrl: rabbitmq.url,
    redisUrl: redis.url,
    glanceUrl: images.url,
    names: defaultNames,
    maxCount: 0,
    place: {
      // A root would belong to no backend here.
      IVC_FILE_ROOT: undefined,
      NODE_CONFIG: JSON.stringify(settingsOf(array, folder)),
      NODE_OPTIONS: `--import=${observer}`,
      BENCH_HTTP_LOG: httpLog,
    },
  };
  stack.use(await startDaemon(around));
  const { exchange, topic } = defaultNames;
  const rpc = stack.use(
    await RpcClient.connect({ url: rabbitmq.url, exchange, topic }),
  );
  const owned = stack.move();
  return {
    rpc,
    images,
    files,
    array,
    rest,
    folder,
    isReflink: xfs.isReflink,
    exchanges: async () =>
      (await readFile(httpLog, "utf8"))
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as SeenExchange),
    [Symbol.asyncDispose]: async () => {
      await owned.disposeAsync();
    },
  };
}

function settingsOf(array: ArrayProcess, folder: string) {
  return {
    backends: {
      file: null,
      flasharray: {
        driver: "flasharray",
        san_ip: new URL(array.url).host,
        pure_api_token: array.apiToken,
        driver_ssl_cert_path: array.caFile,
      },
    },
    defaultBackend: "flasharray",
    images: { scratchDir: join(folder, "scratch") },
  };
}
