import { readdir, readFile } from "node:fs/promises";

/** A process that another one has started, directly or not. */
export interface Descendant {
  readonly pid: number;
  readonly cmdline: string;
}

/** What a process has started and is still there. */
export async function descendantsOf(pid: number): Promise<Descendant[]> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(
    tasks.map(
      async (task) =>
        await readFile(`/proc/${pid}/task/${task}/children`, "utf8").catch(
          () => "",
        ),
    ),
  );
  const pids = lists.flatMap((list) => list.match(/\d+/g) ?? []).map(Number);
  const found = await Promise.all(
    pids.map(async (child) => {
      const cmdline = await readFile(`/proc/${child}/cmdline`, "utf8").catch(
        () => "",
      );
      return [{ pid: child, cmdline }, ...(await descendantsOf(child))];
    }),
  );
  return found.flat();
}
