import { fileURLToPath } from "node:url";
import { freePort } from "../servers/free-port.ts";
import { ServerFolder } from "../servers/server-process.ts";
import type { BusNames } from "./bus-names.ts";

/** Where everything is that the daemon and its callers use. */
export interface Surroundings {
  readonly amqpUrl: string;
  readonly redisUrl: string;
  readonly glanceUrl: string;
  /** Variables of the daemon that say where its volumes are; undefined: must not be set. */
  readonly place: Readonly<Record<string, string | undefined>>;
  readonly names: BusNames;
  readonly maxCount: number;
}

/** A running ivcd. */
export interface RunningDaemon extends AsyncDisposable {
  readonly pid: number;
  readonly logFile: string;
  readonly httpUrl: string;
}

/** Name of the demo's daemon. */
export const nodeName = "demo";

const launcher = fileURLToPath(new URL("../../bin/ivcd", import.meta.url));

/** Starts an ivcd as an operator would, and waits until it says that it is ready. */
export async function startDaemon(
  around: Surroundings,
): Promise<RunningDaemon> {
  const folder = await ServerFolder.create("demo");
  try {
    const port = await freePort();
    const httpUrl = `http://127.0.0.1:${port}`;
    const pid = await folder.start("ivcd", {
      command: [launcher],
      env: environment(around, port),
    });
    await folder.waitUntil("ivcd", async () => await isReady(httpUrl), 30_000);
    return {
      pid,
      logFile: folder.logFile("ivcd"),
      httpUrl,
      [Symbol.asyncDispose]: async () => {
        const patience = setTimeout(() => {
          void folder.kill("ivcd", "SIGKILL");
        }, 15_000);
        await folder.kill("ivcd", "SIGTERM");
        clearTimeout(patience);
        await folder[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

function environment(
  around: Surroundings,
  port: number,
): Record<string, string | undefined> {
  return {
    NODE_CONFIG: "{}",
    NODE_CONFIG_DIR: fileURLToPath(new URL("../../config", import.meta.url)),
    IVC_NODE_NAME: nodeName,
    IVC_AMQP_URL: around.amqpUrl,
    IVC_REDIS_URL: around.redisUrl,
    IVC_GLANCE_URL: around.glanceUrl,
    IVC_RPC_EXCHANGE: around.names.exchange,
    IVC_RPC_TOPIC: around.names.topic,
    IVC_TELEMETRY_EXCHANGE: around.names.telemetryExchange,
    IVC_TELEMETRY_TOPIC: around.names.telemetryTopic,
    IVC_CACHE_MAX_COUNT: `${around.maxCount}`,
    IVC_HTTP_PORT: `${port}`,
    IVC_DRAIN_TIMEOUT: "1s",
    ...around.place,
  };
}

async function isReady(httpUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${httpUrl}/readyz`);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
