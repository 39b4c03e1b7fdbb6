import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Options } from "../backends/volume-backend.ts";
import { throwIfAborted } from "../errors.ts";

/** Programs that confine another one; absolute paths. */
export interface ConfiningTools {
  readonly setpriv: string;
  readonly prlimit: string;
}

/** A program to run, and what it may use. */
export interface ConfinedCommand {
  /** Absolute. */
  readonly program: string;
  readonly args: readonly string[];
  readonly addressSpaceBytes: number;
  readonly cpuSeconds: number;
  /** Largest file it may write; null: no limit, as devices have none. */
  readonly fileBytes: number | null;
  /** Beside the three that every program gets; readable by this user's processes only. */
  readonly environment?: Readonly<Record<string, string>>;
  /** A descriptor of this process that becomes the program's descriptor 3. */
  readonly inheritedFd?: number | null;
  /** Ended when nothing comes on its stdout for so long; null or left out: never. */
  readonly silenceMs?: number | null;
  /** From SIGTERM to SIGKILL after an abort; default 5 s. */
  readonly graceMs?: number;
  readonly onOutput?: (text: string) => void;
}

/** How it ended. `stderr` is cut to its last 2,000 characters. */
export interface ConfinedExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  /** It was ended for its silence. */
  readonly isSilent: boolean;
}

const defaultGraceMs = 5_000;

/**
 * Runs a program without privileges to gain, within limits, and no longer than this process lives. After an abort it
 * returns only when the program is gone, so nothing writes behind its caller's back.
 */
export async function runConfined(
  tools: ConfiningTools,
  command: ConfinedCommand,
  { signal }: Options,
): Promise<ConfinedExit> {
  throwIfAborted(signal);
  const child = start(tools, command);
  let stderr = "";
  let isSilent = false;
  let killTimer: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill("SIGTERM");
    killTimer ??= setTimeout(
      () => child.kill("SIGKILL"),
      command.graceMs ?? defaultGraceMs,
    );
  };
  const silence = new Silence(command.silenceMs ?? null, () => {
    isSilent = true;
    stop();
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    silence.broken();
    command.onOutput?.(text);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-2_000);
  });
  const closed = Promise.withResolvers<ConfinedExit>();
  child.once("error", closed.reject);
  child.once("close", (code, killedBy) => {
    closed.resolve({ code, signal: killedBy, stderr: stderr.trim(), isSilent });
  });
  signal.addEventListener("abort", stop, { once: true });
  try {
    const exit = await closed.promise;
    throwIfAborted(signal);
    return exit;
  } finally {
    signal.removeEventListener("abort", stop);
    silence[Symbol.dispose]();
    clearTimeout(killTimer);
  }
}

/** Tells when nothing was heard for so long. */
class Silence implements Disposable {
  readonly #timer: NodeJS.Timeout | null;

  constructor(ms: number | null, onSilence: () => void) {
    this.#timer = ms === null ? null : setTimeout(onSilence, ms);
  }

  broken(): void {
    this.#timer?.refresh();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer ?? undefined);
  }
}

function start(
  tools: ConfiningTools,
  command: ConfinedCommand,
): ChildProcessByStdio<null, Readable, Readable> {
  const { environment = {}, inheritedFd = null } = command;
  return spawn(tools.setpriv, confinedArgs(tools, command), {
    cwd: "/",
    env: {
      LC_ALL: "C",
      PATH: "/usr/bin:/bin",
      MALLOC_ARENA_MAX: "2",
      ...environment,
    },
    shell: false,
    stdio: [
      "ignore",
      "pipe",
      "pipe",
      ...(inheritedFd === null ? [] : [inheritedFd]),
    ],
  }) as ChildProcessByStdio<null, Readable, Readable>;
}

function confinedArgs(
  tools: ConfiningTools,
  command: ConfinedCommand,
): readonly string[] {
  return [
    "--pdeathsig",
    "KILL",
    "--no-new-privs",
    "--",
    tools.prlimit,
    `--as=${command.addressSpaceBytes}`,
    `--cpu=${command.cpuSeconds}`,
    "--core=0",
    "--nofile=64",
    ...(command.fileBytes === null ? [] : [`--fsize=${command.fileBytes}`]),
    "--",
    command.program,
    ...command.args,
  ];
}
