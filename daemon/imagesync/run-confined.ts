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
  /** Ended when nothing comes on its stdout for so long, as asked for after each output; null or left out: never. */
  readonly silenceMs?: number | (() => number) | null;
  /** Killed at once when it prints such a line on stderr. */
  readonly endsOn?: RegExp;
  /** Such lines of stderr are left out of what is kept. */
  readonly ignores?: RegExp;
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
  /** The line of stderr for which it was killed. */
  readonly endedBy: string | null;
}

const defaultGraceMs = 5_000;
const keptErrors = 2_000;

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
  const errors = new ErrorLines(command, () => child.kill("SIGKILL"));
  let isSilent = false;
  let killTimer: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill("SIGTERM");
    killTimer ??= setTimeout(
      () => child.kill("SIGKILL"),
      command.graceMs ?? defaultGraceMs,
    );
  };
  const silence = new Silence(command.silenceMs, () => {
    isSilent = true;
    stop();
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    command.onOutput?.(text);
    silence.broken();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors.add(text);
  });
  const closed = Promise.withResolvers<ConfinedExit>();
  child.once("error", closed.reject);
  child.once("close", (code, killedBy) => {
    closed.resolve({ code, signal: killedBy, isSilent, ...errors.end() });
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

/** Keeps the end of what comes on stderr, line by line. */
class ErrorLines {
  readonly #command: Pick<ConfinedCommand, "endsOn" | "ignores">;
  readonly #onEnd: () => void;
  #kept = "";
  #unfinished = "";
  #endedBy: string | null = null;

  constructor(
    command: Pick<ConfinedCommand, "endsOn" | "ignores">,
    onEnd: () => void,
  ) {
    this.#command = command;
    this.#onEnd = onEnd;
  }

  add(text: string): void {
    const lines = (this.#unfinished + text).split("\n");
    this.#unfinished = (lines.pop() ?? "").slice(-keptErrors);
    for (const line of lines) {
      this.#line(line);
    }
  }

  end(): Pick<ConfinedExit, "stderr" | "endedBy"> {
    this.#line(this.#unfinished);
    return { stderr: this.#kept.trim(), endedBy: this.#endedBy };
  }

  #line(line: string): void {
    const { endsOn, ignores } = this.#command;
    if (this.#endedBy === null && endsOn?.test(line) === true) {
      this.#endedBy = line;
      this.#onEnd();
    }
    if (ignores?.test(line) !== true) {
      this.#kept = `${this.#kept}${line}\n`.slice(-keptErrors);
    }
  }
}

/** Tells when nothing was heard for so long. */
class Silence implements Disposable {
  readonly #ms: () => number | null;
  readonly #onSilence: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: ConfinedCommand["silenceMs"], onSilence: () => void) {
    this.#ms = typeof ms === "function" ? ms : () => ms ?? null;
    this.#onSilence = onSilence;
    this.broken();
  }

  broken(): void {
    clearTimeout(this.#timer);
    const ms = this.#ms();
    this.#timer = ms === null ? undefined : setTimeout(this.#onSilence, ms);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
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
