import { readdir, readFile, stat } from "node:fs/promises";

/** What others may see of a process. */
export interface SeenProcess {
  readonly pid: number;
  /** Name of the program. */
  readonly name: string;
  readonly cmdline: string;
  readonly environ: string;
  /** Of the file that shows its environment. */
  readonly environMode: number;
}

/** All processes of this machine that this user may look at. */
export async function seeProcesses(): Promise<SeenProcess[]> {
  const names = await readdir("/proc");
  const seen = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (pid) => await see(Number(pid)).catch(() => null)),
  );
  return seen.filter((process) => process !== null);
}

async function see(pid: number): Promise<SeenProcess> {
  const text = async (file: string) =>
    await readFile(`/proc/${pid}/${file}`, "utf8");
  const [name, cmdline, environ, { mode }] = await Promise.all([
    text("comm"),
    text("cmdline"),
    text("environ"),
    stat(`/proc/${pid}/environ`),
  ]);
  return {
    pid,
    name: name.trim(),
    cmdline,
    environ,
    environMode: mode & 0o777,
  };
}
