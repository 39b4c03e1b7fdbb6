import { readFile } from "node:fs/promises";

const root = new URL("../../", import.meta.url);

/** A page of this repository's documents. */
export interface MarkdownPage {
  readonly text: string;
  /** The text below a heading, up to the next one of its level or above; an error when there is no such heading. */
  section(title: string): string;
  /** What links to headings of this page may name. */
  readonly anchors: ReadonlySet<string>;
}

/** Reads a page by its path in the repository. */
export async function markdownPage(path: string): Promise<MarkdownPage> {
  const text = await readFile(new URL(path, root), "utf8");
  const lines = withoutCode(text).split("\n");
  const headings = lines.flatMap((line, at) => {
    const found = /^(#+) (.*)$/.exec(line);
    return found === null
      ? []
      : [{ at, level: found[1]?.length ?? 0, title: found[2] ?? "" }];
  });
  return {
    text,
    anchors: new Set(headings.map(({ title }) => anchorOf(title))),
    section: (title) => {
      const from = headings.find((heading) => heading.title === title);
      if (from === undefined) {
        throw new Error(`${path} has no heading "${title}"`);
      }
      const next = headings.find(
        ({ at, level }) => at > from.at && level <= from.level,
      );
      return lines.slice(from.at + 1, next?.at).join("\n");
    },
  };
}

/** What stands in backticks in one column of the rows of all tables in `text`; the first column is 0. */
export function quotedInColumn(text: string, column: number): string[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .flatMap((line) => line.split(/(?<!\\)\|/)[column + 1] ?? "")
    .flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)])
    .map(([, word]) => word ?? "");
}

/** Code blocks hold comments that look like headings. */
function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, (block) =>
    block.replaceAll(/[^\n]/g, ""),
  );
}

/** As code hosts make them. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}
