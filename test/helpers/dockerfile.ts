/** One instruction of a Dockerfile; `args` as written, continued lines joined. */
export interface DockerStep {
  readonly stage: number;
  readonly instruction: string;
  readonly args: string;
}

/** The instructions of a Dockerfile, with the number of the stage they are in. */
export function dockerSteps(text: string): DockerStep[] {
  const lines = text
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "");
  let stage = -1;
  return lines.map((line) => {
    const [instruction = "", ...rest] = line.trim().split(" ");
    stage += instruction === "FROM" ? 1 : 0;
    return { stage, instruction, args: rest.join(" ").trim() };
  });
}

/** The words of an instruction in exec form, such as `["node", "-e", "…"]`; empty for a shell form. */
export function execForm(args: string): string[] {
  if (!args.startsWith("[")) {
    return [];
  }
  const words: unknown = JSON.parse(args);
  return Array.isArray(words) ? words.map(String) : [];
}
