import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { acceptsConnection } from "./accepts-connection.ts";
import { freePort } from "./free-port.ts";
import { installedProgram } from "./installed-program.ts";
import { startContainer } from "./server-container.ts";
import { ServerFolder } from "./server-process.ts";

/** A RabbitMQ for tests and the demo. */
export interface RabbitmqServer extends AsyncDisposable {
  readonly url: string;
  /** Null when it is not a process of ours. */
  readonly pid: number | null;
  /** False for a server that somebody else runs: it cannot be killed, restarted or asked for a vhost. */
  readonly isPrivate: boolean;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again, on the same port and data; ends it first when it still runs. */
  restart(): Promise<void>;
  /** Makes a vhost and gives the URL of it, so that one file's queues are apart from another's. */
  addVhost(name: string): Promise<string>;
  /** Runs `rabbitmqctl` with these arguments and gives what it prints. */
  ctl(...args: string[]): Promise<string>;
}

const startTimeoutMs = 90_000;
const erlangFolders = ["/usr/lib/rabbitmq/bin"];
const run = promisify(execFile);

interface Ports {
  readonly amqp: number;
  readonly distribution: number;
  readonly epmd: number;
}

/** Small, loopback only, and quick to start. */
function brokerConfig(ports: Ports, folder: string): string {
  return `listeners.tcp.1 = 127.0.0.1:${ports.amqp}
distribution.listener.interface = 127.0.0.1
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 50MB
log.file = ${path.join(folder, "broker.log")}
log.file.level = warning
log.console = true
log.console.level = error
raft.wal_max_size_bytes = 33554432
management_agent.disable_metrics_collector = true
`;
}

async function prepareFolder(folder: string, ports: Ports) {
  const nodeName = `ivc-${randomBytes(5).toString("hex")}@localhost`;
  const file = (name: string) => path.join(folder, name);
  await mkdir(file("data"));
  await writeFile(file(".erlang.cookie"), randomBytes(20).toString("hex"), {
    mode: 0o400,
  });
  await writeFile(file("rabbitmq.conf"), brokerConfig(ports, folder));
  await writeFile(file("enabled_plugins"), "[].\n");
  await writeFile(file("env.conf"), "");
  return {
    HOME: folder,
    LANG: "C.UTF-8",
    ERL_EPMD_PORT: `${ports.epmd}`,
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_NODENAME: nodeName,
    RABBITMQ_NODE_PORT: `${ports.amqp}`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_DIST_PORT: `${ports.distribution}`,
    RABBITMQ_MNESIA_BASE: file("data"),
    RABBITMQ_LOG_BASE: folder,
    RABBITMQ_PID_FILE: file("broker.pid"),
    RABBITMQ_CONFIG_FILE: file("rabbitmq.conf"),
    RABBITMQ_CONF_ENV_FILE: file("env.conf"),
    RABBITMQ_ENABLED_PLUGINS_FILE: file("enabled_plugins"),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      "+S 2:2 +SDio 2 +sbwt none +sbwtdcpu none +sbwtdio none",
    RABBITMQ_CTL_ERL_ARGS: "+S 1:1 +sbwt none",
    // Makes the start script become the broker instead of staying in front of it, so that its pid is the broker's.
    RUNNING_UNDER_SYSTEMD: "true",
  };
}

async function makeVhost(name: string, { ctl }: Pick<RabbitmqServer, "ctl">) {
  await ctl("add_vhost", name);
  await ctl("set_permissions", "-p", name, "guest", ".*", ".*", ".*");
}

class PrivateRabbitmq implements RabbitmqServer {
  readonly isPrivate = true;
  readonly url: string;
  readonly #folder: ServerFolder;
  readonly #program: string;
  readonly #ports: Ports;
  readonly #env: Record<string, string>;
  #pid: number | null = null;

  constructor(
    folder: ServerFolder,
    program: string,
    ports: Ports,
    env: Record<string, string>,
  ) {
    this.url = `amqp://guest:guest@127.0.0.1:${ports.amqp}`;
    this.#folder = folder;
    this.#program = program;
    this.#ports = ports;
    this.#env = env;
  }

  get pid(): number | null {
    return this.#pid;
  }

  async start(): Promise<void> {
    if (!this.#folder.isRunning("epmd")) {
      const epmd = (await installedProgram("epmd")) ?? "epmd";
      await this.#folder.start("epmd", {
        command: [epmd, "-port", this.#env["ERL_EPMD_PORT"] ?? ""],
        env: this.#env,
      });
      await this.#waitForPort("epmd", this.#ports.epmd);
    }
    this.#pid = await this.#folder.start("rabbitmq", {
      command: [this.#program],
      env: this.#env,
    });
    await this.#waitForPort("rabbitmq", this.#ports.amqp);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    await this.#folder.kill("rabbitmq", signal);
  }

  async restart(): Promise<void> {
    await this.kill("SIGKILL");
    await this.start();
  }

  async addVhost(name: string): Promise<string> {
    await makeVhost(name, { ctl: async (...args) => await this.ctl(...args) });
    return `${this.url}/${encodeURIComponent(name)}`;
  }

  async ctl(...args: string[]): Promise<string> {
    const program = path.join(path.dirname(this.#program), "rabbitmqctl");
    const env = { ...process.env, ...this.#env };
    const { stdout } = await run(program, ["--quiet", ...args], { env });
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }

  async #waitForPort(name: string, port: number): Promise<void> {
    await this.#folder.waitUntil(
      name,
      async () => await acceptsConnection(port),
      startTimeoutMs,
    );
  }
}

async function startPrivateRabbitmq(program: string): Promise<RabbitmqServer> {
  const folder = await ServerFolder.create("rabbitmq");
  try {
    const ports: Ports = {
      amqp: await freePort(),
      distribution: await freePort(),
      epmd: await freePort(),
    };
    const env = await prepareFolder(folder.folder, ports);
    const server = new PrivateRabbitmq(folder, program, ports, env);
    await server.start();
    return server;
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

function foreignRabbitmq(url: string): RabbitmqServer {
  const refuse = () => {
    throw new Error(
      "the RabbitMQ of IVC_TEST_AMQP_URL is not ours to change; unset the variable for this test",
    );
  };
  return {
    url,
    pid: null,
    isPrivate: false,
    kill: refuse,
    restart: refuse,
    addVhost: refuse,
    ctl: refuse,
    [Symbol.asyncDispose]: async () => {},
  };
}

async function startRabbitmqContainer(): Promise<RabbitmqServer> {
  const container = await startContainer("rabbitmq:4.1-alpine", 5672);
  const url = `amqp://guest:guest@127.0.0.1:${container.port}`;
  const ctl = async (...args: string[]) =>
    await container.exec(["rabbitmqctl", "--quiet", ...args]);
  return {
    ...container,
    url,
    pid: null,
    isPrivate: true,
    ctl,
    addVhost: async (name) => {
      await makeVhost(name, { ctl });
      return `${url}/${encodeURIComponent(name)}`;
    },
  };
}

/**
 * A RabbitMQ: the one of `IVC_TEST_AMQP_URL` as it is, else a private broker of the installed `rabbitmq-server`, else
 * a container.
 */
export async function startRabbitmq(): Promise<RabbitmqServer> {
  const url = process.env["IVC_TEST_AMQP_URL"];
  if (url !== undefined && url !== "") {
    return foreignRabbitmq(url);
  }
  // The wrapper in /usr/sbin changes to the user rabbitmq; the real script runs as whoever calls it.
  const program = await installedProgram("rabbitmq-server", erlangFolders);
  if (program !== null) {
    return await startPrivateRabbitmq(program);
  }
  try {
    return await startRabbitmqContainer();
  } catch (cause) {
    throw new Error(
      "no RabbitMQ for the tests: install one (apt-get install rabbitmq-server), start a container runtime, or set IVC_TEST_AMQP_URL",
      { cause },
    );
  }
}
