import { once } from "node:events";
import { connect } from "node:net";
import { freePort } from "./free-port.ts";
import { installedProgram } from "./installed-program.ts";
import { startContainer } from "./server-container.ts";
import { ServerFolder } from "./server-process.ts";

/** A Redis for tests and the demo. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  /** Null when it is not a process of ours. */
  readonly pid: number | null;
  /** False for a server that somebody else runs: it cannot be killed or restarted. */
  readonly isPrivate: boolean;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again, on the same port and data; ends it first when it still runs. */
  restart(): Promise<void>;
}

/** How a private Redis is to run. */
export interface RedisOptions {
  /** Keeps what was written across `kill` and `restart`. */
  readonly appendOnly?: boolean;
  /** Further arguments, such as `--requirepass x`. */
  readonly args?: readonly string[];
}

const startTimeoutMs = 20_000;

/** True when the Redis on this port answers and has loaded its data. */
async function answersPing(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  socket.setTimeout(1000, () => socket.destroy(new Error("no answer")));
  try {
    socket.end("PING\r\n");
    const reply: unknown[] = await once(socket, "data");
    return /^(?:\+PONG|-NOAUTH)/.test(String(reply[0]));
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function redisArgs({ appendOnly, args }: RedisOptions): string[] {
  return [
    ["--save", ""],
    ["--appendonly", appendOnly === true ? "yes" : "no"],
    ["--maxmemory-policy", "noeviction"],
    ["--loglevel", "warning"],
    args ?? [],
  ].flat();
}

async function startPrivateRedis(
  program: string,
  options: RedisOptions,
): Promise<RedisServer> {
  const folder = await ServerFolder.create("redis");
  const port = await freePort();
  const command: [string, ...string[]] = [
    program,
    "--port",
    `${port}`,
    "--bind",
    "127.0.0.1",
    "--dir",
    folder.folder,
    ...redisArgs(options),
  ];
  let pid: number | null = null;
  const start = async () => {
    pid = await folder.start("redis", { command });
    await folder.waitUntil(
      "redis",
      async () => await answersPing(port),
      startTimeoutMs,
    );
  };
  try {
    await start();
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return pid;
    },
    isPrivate: true,
    kill: async (signal) => await folder.kill("redis", signal),
    restart: async () => {
      await folder.kill("redis", "SIGKILL");
      await start();
    },
    [Symbol.asyncDispose]: async () => await folder[Symbol.asyncDispose](),
  };
}

function foreignRedis(url: string): RedisServer {
  const refuse = () => {
    throw new Error(
      "the Redis of IVC_TEST_REDIS_URL is not ours to kill; unset the variable for this test",
    );
  };
  return {
    url,
    pid: null,
    isPrivate: false,
    kill: refuse,
    restart: refuse,
    [Symbol.asyncDispose]: async () => {},
  };
}

async function startRedisContainer(
  options: RedisOptions,
): Promise<RedisServer> {
  const command = ["redis-server", ...redisArgs(options)];
  const container = await startContainer("redis:7.4-alpine", 6379, command);
  return {
    ...container,
    url: `redis://127.0.0.1:${container.port}`,
    pid: null,
    isPrivate: true,
  };
}

/**
 * A Redis: the one of `IVC_TEST_REDIS_URL` as it is, else a private process of the installed `redis-server`, else a
 * container.
 */
export async function startRedis(
  options: RedisOptions = {},
): Promise<RedisServer> {
  const url = process.env["IVC_TEST_REDIS_URL"];
  if (url !== undefined && url !== "") {
    return foreignRedis(url);
  }
  const program = await installedProgram("redis-server");
  if (program !== null) {
    return await startPrivateRedis(program, options);
  }
  try {
    return await startRedisContainer(options);
  } catch (cause) {
    throw new Error(
      "no Redis for the tests: install one (apt-get install redis-server), start a container runtime, or set IVC_TEST_REDIS_URL",
      { cause },
    );
  }
}
