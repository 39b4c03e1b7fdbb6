import { execFile } from "node:child_process";

/** Where and how long a program may run. */
export interface RunOptions {
  /** What the error calls it: the arguments may hold a password. */
  readonly label: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs a short program and gives what it printed; its arguments are in no error. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { label, cwd = "/", env = {}, timeoutMs = 10_000 }: RunOptions,
): Promise<string> {
  return await new Promise((resolve, reject) => {
    const options = {
      cwd,
      timeout: timeoutMs,
      env: { LC_ALL: "C", PATH: programPath, ...env },
    };
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout);
        return;
      }
      const why =
        error.code === "ENOENT"
          ? `there is no program ${program}`
          : stderr.trim() || `exit ${error.code ?? error.signal}`;
      reject(new Error(`${label} failed: ${why}`));
    });
  });
}

/** Debian keeps tgt's programs where only root looks for programs. */
export const programPath = `${process.env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`;
