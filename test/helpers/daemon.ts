import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { freePort } from "../../scripts/servers/free-port.ts";
import { eventually } from "./eventually.ts";

/** How an ivcd ended. */
export interface DaemonExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A line of its log. */
export type DaemonLogLine = Readonly<Record<string, unknown>> & {
  readonly level: string;
  readonly event: string;
};

/** The answer of one of its pages. */
export interface StatusPage {
  readonly status: number;
  readonly body: string;
}

const launcher = fileURLToPath(new URL("../../bin/ivcd", import.meta.url));

/** An ivcd in a process of its own, started as an operator does; it dies with the test, however that ends. */
export class TestDaemon implements AsyncDisposable {
  readonly nodeName: string;
  readonly httpUrl: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  #exit: Promise<DaemonExit> = Promise.resolve({ code: null, signal: null });
  #output = "";

  private constructor(
    nodeName: string,
    port: number,
    env: Readonly<Record<string, string>>,
  ) {
    this.nodeName = nodeName;
    this.httpUrl = `http://127.0.0.1:${port}`;
    this.#env = {
      IVC_NODE_NAME: nodeName,
      IVC_HTTP_PORT: `${port}`,
      ...env,
    };
  }

  /** A daemon that is not running yet. */
  static async prepare(
    nodeName: string,
    env: Readonly<Record<string, string>>,
  ): Promise<TestDaemon> {
    return new TestDaemon(nodeName, await freePort(), env);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  /** All that it has printed, in all its lives. */
  get output(): string {
    return this.#output;
  }

  /** Resolves when the process has ended and all of its output is here. */
  get exit(): Promise<DaemonExit> {
    return this.#exit;
  }

  /** Starts the process; it may still fail or wait for its servers. */
  launch(): void {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(IVC_|OS_|NODE_|CREDENTIALS_|JOURNAL_)/.test(name),
    );
    const child = spawn("setpriv", ["--pdeathsig", "KILL", launcher], {
      env: { ...Object.fromEntries(inherited), ...this.#env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const collect = (text: string): void => {
      this.#output += text;
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    this.#child = child;
    this.#exit = once(child, "close").then(() => ({
      code: child.exitCode,
      signal: child.signalCode,
    }));
  }

  /** Starts the process and waits until it is ready. */
  async start(): Promise<this> {
    this.launch();
    await this.ready();
    return this;
  }

  async ready(timeoutMs = 30_000): Promise<void> {
    await eventually(
      `${this.nodeName} is ready`,
      async () => {
        if (!this.isRunning) {
          throw new Error(`ivcd ended:\n${this.#output.slice(-3000)}`);
        }
        return (await this.page("/readyz")).status === 200;
      },
      timeoutMs,
    );
  }

  /** Sends a signal to the daemon alone, not to what it has started. */
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** As a power cut: nothing is tidied up. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#exit;
  }

  /** Lets it drain and end. */
  async stop(): Promise<DaemonExit> {
    this.signal("SIGTERM");
    return await this.#exit;
  }

  /** One of its pages; status 0 while it does not listen. */
  async page(path: "/healthz" | "/readyz" | "/metrics"): Promise<StatusPage> {
    try {
      const response = await fetch(`${this.httpUrl}${path}`);
      return { status: response.status, body: await response.text() };
    } catch {
      return { status: 0, body: "" };
    }
  }

  /** A sample of `/metrics`; null where there is none. `labels` as on the page: `backend="file",path="hit"`. */
  async metric(name: string, labels: string): Promise<number | null> {
    const { body } = await this.page("/metrics");
    const line = body
      .split("\n")
      .find((each) => each.startsWith(`${name}{${labels}} `));
    return line === undefined ? null : Number(line.split(" ").at(-1));
  }

  /** The lines of its log, or those of one event. */
  log(event?: string): DaemonLogLine[] {
    return this.#output
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as DaemonLogLine)
      .filter((line) => event === undefined || line.event === event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) {
      await this.kill();
    }
  }
}
