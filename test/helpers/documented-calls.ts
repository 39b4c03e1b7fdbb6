import { readFile } from "node:fs/promises";

const page = new URL("../../docs/flasharray.md", import.meta.url);
const row = /^\|\s*(\d+)\s*\|\s*`([A-Z]+ [a-z_/-]+)`\s*\|/;
const sumRow = /^\|\s*\[([^\]]+)\]\(#[^)]+\)\s*\|\s*(\d+)\s*\|\s*(\d+)\s*\|/;

/** The calls that docs/flasharray.md lists. */
export interface DocumentedCalls {
  /** By the title of the list: `POST volumes`, in their order. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** By the same titles: how many calls, and how many of them change something. */
  readonly sums: ReadonlyMap<string, readonly [number, number]>;
}

/** Reads the lists and their summary; a row out of number is an error, since a table was edited by halves then. */
export async function documentedCalls(): Promise<DocumentedCalls> {
  const lists = new Map<string, string[]>();
  const sums = new Map<string, readonly [number, number]>();
  let title = "";
  for (const line of (await readFile(page, "utf8")).split("\n")) {
    title = /^#+ (.*)$/.exec(line)?.[1] ?? title;
    const [, number, call = ""] = row.exec(line) ?? [];
    if (number !== undefined) {
      const list = lists.get(title) ?? [];
      lists.set(title, list);
      if (list.push(call) !== Number(number)) {
        throw new Error(`row ${number} of "${title}" is out of order`);
      }
    }
    const [, flow, calls, changes] = sumRow.exec(line) ?? [];
    if (flow !== undefined) {
      sums.set(flow, [Number(calls), Number(changes)]);
    }
  }
  return { lists, sums };
}
