import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

/** How a run of `bin/ivc` ended. */
export interface IvcResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const program = fileURLToPath(new URL("../../bin/ivc", import.meta.url));

/** A run of `bin/ivc` that is still going on. */
export interface RunningIvc {
  readonly child: ChildProcess;
  readonly result: Promise<IvcResult>;
}

/** Starts `bin/ivc` without the variables of this environment that it reads. */
export function startIvc(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): RunningIvc {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(IVC_|OS_|NODE_)/.test(name),
  );
  const child = spawn(program, args, {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const result = (async () => {
    const [stdout, stderr] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      child.exitCode === null ? once(child, "close") : null,
    ]);
    return { status: child.exitCode, stdout, stderr };
  })();
  return { child, result };
}

/** Runs `bin/ivc` to its end. */
export async function runIvc(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<IvcResult> {
  return await startIvc(args, env).result;
}
