import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** What to run: the first word is the program. */
export interface ServerCommand {
  readonly command: readonly [string, ...string[]];
  /** Added to ours; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

// Reads the pids to end, line by line, the last line counting. Its input ends when its parent does, however that
// happened: then it ends the servers and removes their folder, and what is mounted there.
const reaperScript = `
pids=
while read -r line; do pids=$line; done
for pid in $pids; do kill -s KILL -- "-$pid" 2>/dev/null; done
umount --lazy "$1/mounted" 2>/dev/null
rm -rf -- "$1"
`;

/** A temporary folder and the server processes that live in it; both end with this process, even when it is killed. */
export class ServerFolder implements AsyncDisposable {
  readonly folder: string;
  readonly #reaper: ChildProcess;
  readonly #running = new Map<string, ChildProcess>();

  private constructor(folder: string) {
    this.folder = folder;
    this.#reaper = spawn("sh", ["-c", reaperScript, "reaper", folder], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
      cwd: "/",
    });
    this.#reaper.unref();
    const input = this.#reaper.stdin;
    // A pipe to a child keeps the event loop alive, which only its handle can undo.
    if (input instanceof Socket) {
      input.unref();
    }
    input?.on("error", () => {});
  }

  static async create(name: string): Promise<ServerFolder> {
    return new ServerFolder(await mkdtemp(path.join(tmpdir(), `ivc-${name}-`)));
  }

  /** Starts a server in a process group of its own; what it prints goes to `<name>.log`. */
  async start(name: string, { command, env }: ServerCommand): Promise<number> {
    const [program, ...args] = command;
    const log = openSync(this.logFile(name), "a");
    const child = spawn(program, args, {
      cwd: this.folder,
      env: { ...process.env, ...env },
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    await once(child, "spawn");
    child.unref();
    this.#running.set(name, child);
    this.#tellReaper();
    return child.pid ?? 0;
  }

  logFile(name: string): string {
    return path.join(this.folder, `${name}.log`);
  }

  isRunning(name: string): boolean {
    const child = this.#running.get(name);
    return (
      child !== undefined &&
      child.exitCode === null &&
      child.signalCode === null
    );
  }

  /** Sends a signal to a server; resolves when it has ended, at once for signals that do not end it. */
  async kill(name: string, signal: NodeJS.Signals): Promise<void> {
    const child = this.#running.get(name);
    if (child?.pid === undefined || !this.isRunning(name)) {
      return;
    }
    const ended = once(child, "exit");
    process.kill(-child.pid, signal);
    if (signal === "SIGSTOP" || signal === "SIGCONT") {
      return;
    }
    child.ref();
    await ended;
    this.#running.delete(name);
    this.#tellReaper();
  }

  /** Waits until `isReady`; fails with the end of the server's log when it ends or takes too long. */
  async waitUntil(
    name: string,
    isReady: () => Promise<boolean>,
    timeoutMs: number,
  ): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await isReady())) {
      if (!this.isRunning(name) || Date.now() > deadline) {
        const log = await readFile(this.logFile(name), "utf8");
        throw new Error(
          `${name} ${this.isRunning(name) ? `was not ready after ${timeoutMs} ms` : "ended"}:\n${log.slice(-2000)}`,
        );
      }
      await delay(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [...this.#running.keys()].toReversed()) {
      await this.kill(name, "SIGKILL");
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
    this.#reaper.kill("SIGKILL");
  }

  #tellReaper(): void {
    const pids = [...this.#running.values()].map(({ pid }) => pid);
    this.#reaper.stdin?.write(`${pids.join(" ")}\n`);
  }
}
