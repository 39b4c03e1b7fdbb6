import { randomBytes, randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "@jest/globals";
import { Redis } from "ioredis";
import { RpcClient } from "../../cli/rpc-client.ts";
import {
  type RabbitmqServer,
  startRabbitmq,
} from "../../scripts/servers/rabbitmq-server.ts";
import {
  type RedisServer,
  startRedis,
} from "../../scripts/servers/redis-server.ts";
import { mountXfs } from "../../scripts/xfs.ts";
import { TestDaemon } from "./daemon.ts";
import { EventLog } from "./event-log.ts";
import { ImageService } from "./image-service.ts";
import { askTestBroker } from "./test-broker.ts";

/** A volume as the daemon shows it. */
export type VolumeView = Readonly<Record<string, unknown>> & {
  readonly volume_id: string;
  readonly status: string;
  readonly size: number;
  readonly path: string;
};

/** The usual caller: an ordinary project. */
export const someProject = { project_id: "project-a", user_id: "user-a" };

/** A caller that may see and do everything. */
export const anAdmin = {
  project_id: "admin-project",
  user_id: "admin",
  is_admin: true,
};

/** Everything that a daemon needs, real, and the means to look at it from outside. Usable inside hooks and tests. */
export interface Stage {
  readonly amqpUrl: string;
  readonly exchange: string;
  readonly topic: string;
  readonly eventsExchange: string;
  readonly redisServer: RedisServer;
  /** Null where the broker is shared with other files. */
  readonly broker: RabbitmqServer | null;
  readonly redisUrl: string;
  /** Another, empty database on it, for daemons that share nothing with the others. */
  readonly otherRedisUrl: string;
  /** A client to look with. */
  readonly redis: Redis;
  readonly images: ImageService;
  /** Root of the backend `file`. */
  readonly root: string;
  readonly rpc: RpcClient;
  readonly events: EventLog;
  /** A folder beside the root, on the same XFS. */
  folder(name: string): Promise<string>;
  /** The environment of a daemon on this stage. */
  env(more?: Readonly<Record<string, string>>): Record<string, string>;
  /** A daemon that is ready; it ends with the file. */
  start(
    nodeName: string,
    more?: Readonly<Record<string, string>>,
  ): Promise<TestDaemon>;
  /** A daemon that is not started; it ends with the file. */
  prepare(
    nodeName: string,
    more?: Readonly<Record<string, string>>,
  ): Promise<TestDaemon>;
  /** A client of daemons that listen on another topic; it ends with the file. */
  client(topic: string): Promise<RpcClient>;
  /** Calls as `someProject`. */
  call<T = VolumeView>(
    method: string,
    args: Readonly<Record<string, unknown>>,
    options?: CallParts,
  ): Promise<T>;
  /** `create_volume` of an image by id, with a new volume id unless `args` has one. */
  create(
    imageId: string,
    args?: Readonly<Record<string, unknown>>,
    options?: CallParts,
  ): Promise<VolumeView>;
}

/** False where Redis or RabbitMQ is somebody else's, who would not like it killed. */
export const ownsServers = ["IVC_TEST_AMQP_URL", "IVC_TEST_REDIS_URL"].every(
  (name) => (process.env[name] ?? "") === "",
);

/** What a call may have of its own. */
export interface CallParts {
  readonly context?: Readonly<Record<string, unknown>>;
  readonly timeoutMs?: number;
  readonly server?: string;
  readonly rpc?: RpcClient;
}

/** What the stage is set with. */
export interface StageOptions {
  readonly sizeGb?: number;
  /** A RabbitMQ of the file's own, with durable exchanges and queues, that may be killed. */
  readonly ownBroker?: boolean;
  /** For all daemons. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Gives the test file a stage before its first test and clears it after the last. */
export function useStage(options: StageOptions = {}): Stage {
  const name = randomBytes(5).toString("hex");
  const stack = new AsyncDisposableStack();
  let stage: Stage | null = null;
  beforeAll(async () => {
    stage = await setStage(`test-${name}`, options, stack);
  }, 120_000);
  afterAll(async () => {
    await stack.disposeAsync();
  }, 60_000);
  return new Proxy({} as Stage, {
    get: (_target, key) => {
      if (stage === null) {
        throw new Error("useStage() is ready inside hooks and tests only");
      }
      return Reflect.get(stage, key) as unknown;
    },
  });
}

/** A database for each jest worker on a Redis that several files share. */
function databaseUrl({ isPrivate, url }: RedisServer): string {
  const worker = Number(process.env["JEST_WORKER_ID"] ?? "0");
  return isPrivate ? `${url}/0` : new URL(`/${2 * worker}`, url).href;
}

async function sharedVhost(
  vhost: string,
  stack: AsyncDisposableStack,
): Promise<string> {
  const url = await askTestBroker("add-vhost", vhost);
  if (url.endsWith(vhost)) {
    stack.defer(async () => {
      await askTestBroker("ctl", "delete_vhost", vhost);
    });
  }
  return url;
}

async function setStage(
  vhost: string,
  options: StageOptions,
  stack: AsyncDisposableStack,
): Promise<Stage> {
  // What was answered has to be there after a kill, also where the disk is slow: with everysec Redis may wait with writing.
  const redisServer = stack.use(
    await startRedis({ appendOnly: true, args: ["--appendfsync", "always"] }),
  );
  const redisUrl = databaseUrl(redisServer);
  const redis = stack.adopt(new Redis(redisUrl), (each) => {
    each.disconnect();
  });
  redis.on("error", () => {});
  await redis.flushdb();
  const images = stack.use(await ImageService.start());
  const xfs = stack.use(await mountXfs({ sizeGb: options.sizeGb ?? 4 }));
  const broker = options.ownBroker ? stack.use(await startRabbitmq()) : null;
  const amqpUrl = broker?.url ?? (await sharedVhost(vhost, stack));
  const names = {
    exchange: `${vhost}-control`,
    topic: vhost,
    eventsExchange: `${vhost}-events`,
  };
  const events = stack.use(
    await EventLog.open({
      url: amqpUrl,
      exchange: names.eventsExchange,
      topic: "notifications",
      durable: broker !== null,
    }),
  );
  const root = path.join(xfs.path, "volumes");
  await mkdir(root);
  const baseEnv = {
    NODE_CONFIG: "{}",
    NODE_CONFIG_DIR: fileURLToPath(new URL("../../config", import.meta.url)),
    IVC_AMQP_URL: amqpUrl,
    IVC_REDIS_URL: redisUrl,
    IVC_GLANCE_URL: images.url,
    IVC_FILE_ROOT: root,
    IVC_RPC_EXCHANGE: names.exchange,
    IVC_RPC_TOPIC: names.topic,
    IVC_TELEMETRY_EXCHANGE: names.eventsExchange,
    IVC_CLAIM_TTL: "3s",
    IVC_SWEEP_INTERVAL: "1s",
    IVC_DRAIN_TIMEOUT: "20s",
    IVC_AMQP_DURABLE_QUEUES: broker === null ? "no" : "yes",
    ...options.env,
  };
  let rpc: RpcClient | null = null;
  const stage: Stage = {
    amqpUrl,
    ...names,
    redisServer,
    broker,
    redisUrl,
    otherRedisUrl: redisUrl.replace(/\d+$/, (digits) => `${+digits + 1}`),
    redis,
    images,
    root,
    events,
    get rpc() {
      if (rpc === null) {
        throw new Error("start a daemon first: it declares the exchange");
      }
      return rpc;
    },
    folder: async (name) => {
      const folder = path.join(xfs.path, name);
      await mkdir(folder);
      return folder;
    },
    env: (more) => {
      const { IVC_FILE_ROOT, ...rest } = { ...baseEnv, ...more };
      return IVC_FILE_ROOT === "" ? rest : { ...rest, IVC_FILE_ROOT };
    },
    prepare: async (nodeName, more) =>
      stack.use(await TestDaemon.prepare(nodeName, stage.env(more))),
    start: async (nodeName, more) => {
      const daemon = await (await stage.prepare(nodeName, more)).start();
      rpc ??= stack.use(await RpcClient.connect({ url: amqpUrl, ...names }));
      return daemon;
    },
    client: async (topic) =>
      stack.use(await RpcClient.connect({ url: amqpUrl, ...names, topic })),
    call: async (method, args, parts = {}) => {
      const { context = someProject, timeoutMs = 30_000, server } = parts;
      const client = parts.rpc ?? stage.rpc;
      const called = { context, timeoutMs, server };
      return (await client.call(method, { ...args }, called)) as never;
    },
    create: async (imageId, args, parts) =>
      await stage.call(
        "create_volume",
        { volume_id: randomUUID(), image_id: imageId, ...args },
        parts,
      ),
  };
  return stage;
}
