import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { StatusLine } from "../../cli/output/status-line.ts";
import { RpcClient } from "../../cli/rpc-client.ts";
import { startRabbitmq } from "../servers/rabbitmq-server.ts";
import { startRedis } from "../servers/redis-server.ts";
import { startArrayPlace } from "./array-place.ts";
import {
  type BusNames,
  defaultNames,
  ownNames,
  removeFromBroker,
} from "./bus-names.ts";
import { Claims } from "./claims.ts";
import { emptyDatabase } from "./empty-database.ts";
import { EventLog } from "./event-log.ts";
import { startFilePlace } from "./file-place.ts";
import { ImageServer } from "./image-server.ts";
import { prepareImages, type DemoImages } from "./prepare-images.ts";
import { imageIds, type Stage } from "./stage.ts";
import {
  nodeName,
  type RunningDaemon,
  startDaemon,
  type Surroundings,
} from "./start-daemon.ts";

const run = promisify(execFile);
const ivcProgram = fileURLToPath(new URL("../../bin/ivc", import.meta.url));

/** The stage, and what a person needs to go on by hand. */
export interface SetStage {
  readonly stage: Stage;
  readonly around: Surroundings;
  readonly daemon: RunningDaemon;
}

/** Backends that the demo can run on, and what starts their places. */
export const places = {
  file: startFilePlace,
  flasharray: startArrayPlace,
};

/** Starts everything; `stack` ends it again. */
export async function setStage(
  stack: AsyncDisposableStack,
  backend: keyof typeof places,
  signal: AbortSignal,
): Promise<SetStage> {
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const status = stack.use(new StatusLine(process.stderr));
  const files = await prepareImages((text) => status.show(text));
  status.show("starting RabbitMQ, Redis and an image server");
  const images = stack.use(await ImageServer.start());
  publish(images, files);
  const place = stack.use(await places[backend]());
  const redisUrl = await useRedis(stack);
  const { amqpUrl, names } = await useRabbitmq(stack, backend);
  signal.throwIfAborted();
  const around: Surroundings = {
    amqpUrl,
    redisUrl,
    glanceUrl: images.url,
    place: place.env,
    names,
    maxCount: 3,
  };
  const events = stack.use(
    await EventLog.open({
      url: amqpUrl,
      exchange: names.telemetryExchange,
      topic: names.telemetryTopic,
    }),
  );
  status.show("starting ivcd");
  const daemon = stack.use(await startDaemon(around));
  const rpc = stack.use(
    await RpcClient.connect({
      url: amqpUrl,
      exchange: names.exchange,
      topic: names.topic,
    }),
  );
  status.clear();
  say(place.introduction.join("\n"));
  say(
    `daemon    bin/ivcd, process ${daemon.pid}, ${daemon.httpUrl}; caches at most ${around.maxCount} images\n`,
  );
  const stage: Stage = {
    rpc,
    images,
    files,
    events,
    claims: new Claims(say),
    status,
    place,
    measurements: [],
    volumes: new Map(),
    signal,
    say,
    ivc: async (...args) => {
      const env = { ...process.env, ...ivcEnvironment(around) };
      const { stdout } = await run(ivcProgram, args, { env, signal });
      return stdout;
    },
  };
  return { stage, around, daemon };
}

/** The variables with which `bin/ivc` talks to the demo's daemon. */
export function ivcEnvironment(around: Surroundings): Record<string, string> {
  return {
    IVC_AMQP_URL: around.amqpUrl,
    IVC_RPC_EXCHANGE: around.names.exchange,
    IVC_RPC_TOPIC: around.names.topic,
    IVC_TELEMETRY_EXCHANGE: around.names.telemetryExchange,
    IVC_TELEMETRY_TOPIC: around.names.telemetryTopic,
    OS_PROJECT_ID: "demo",
  };
}

async function useRedis(stack: AsyncDisposableStack): Promise<string> {
  const redis = stack.use(await startRedis());
  return redis.isPrivate
    ? redis.url
    : stack.use(await emptyDatabase(redis.url)).url;
}

async function useRabbitmq(
  stack: AsyncDisposableStack,
  backend: string,
): Promise<{ readonly amqpUrl: string; readonly names: BusNames }> {
  const rabbitmq = stack.use(await startRabbitmq());
  const { url: amqpUrl } = rabbitmq;
  if (rabbitmq.isPrivate) {
    return { amqpUrl, names: defaultNames };
  }
  const names = ownNames();
  stack.defer(
    async () => await removeFromBroker(amqpUrl, names, backend, nodeName),
  );
  return { amqpUrl, names };
}

function publish(images: ImageServer, files: DemoImages): void {
  images.add(imageIds.large, "large", files.large);
  images.add(imageIds.largeQcow2, "large-qcow2", files.largeQcow2);
  images.add(imageIds.rescue, "rescue", files.rescue);
  images.add(imageIds.rescueQcow2, "rescue-qcow2", files.rescueQcow2);
  const middle = files.small.sizeBytes / 2;
  images.add(imageIds.corrupt, "corrupt", files.small, middle);
  images.add(imageIds.unsafe, "unsafe", files.unsafe);
}
