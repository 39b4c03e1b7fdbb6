import { access, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "@jest/globals";
import type { Command } from "commander";
import { buildProgram } from "../../cli/program.ts";
import { allHandlers } from "../../daemon/consumers/handlers/all-handlers.ts";
import type { HandlerTools } from "../../daemon/consumers/handlers/handler-tools.ts";
import { backendKeys } from "../../daemon/settings/backend-schema.ts";
import { settingsSchema } from "../../daemon/settings/schema.ts";
import {
  type MarkdownPage,
  markdownPage,
  quotedInColumn,
} from "../helpers/markdown-page.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

const pagesWithLinks = [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "docs/architecture.md",
  "docs/flasharray.md",
  "docs/operations.md",
  "docs/rpc.md",
  "docs/simulator.md",
];

describe("the documents", () => {
  let operations: MarkdownPage;
  let rpc: MarkdownPage;
  let sources: string;
  beforeAll(async () => {
    operations = await markdownPage("docs/operations.md");
    rpc = await markdownPage("docs/rpc.md");
    sources = await textOf(["daemon", "cli", "bin"]);
  });

  it("name every setting, and no other", () => {
    const documented = quotedInColumn(operations.section("Settings"), 0)
      .filter((key) => !key.startsWith("backends.<name>."))
      .toSorted();
    const known = Object.entries(settingsSchema.shape)
      .filter(([name]) => name !== "backends")
      .flatMap(([name, schema]) => keysOf(name, schema));
    expect(documented).toEqual(known.toSorted());
  });

  it("name every key of a FlashArray, and no other", () => {
    // These are in the table of all settings.
    const common = /^(?:driver|image_volume_cache_.*)$/;
    const known = backendKeys(["backends", "any"], "flasharray").filter(
      (key) => !common.test(key),
    );
    const documented = quotedInColumn(
      operations.section("FlashArray").split("**Array user.**")[0] ?? "",
      0,
    ).filter((key) => !key.startsWith("backends."));
    expect(documented.toSorted()).toEqual(known.toSorted());
  });

  it("name every variable, and no other", async () => {
    const file = "config/custom-environment-variables.json5";
    const known = await readFile(path.join(root, file), "utf8");
    const documented = quotedInColumn(operations.section("Settings"), 1);
    expect(
      documented.filter((word) => word.startsWith("IVC_")).toSorted(),
    ).toEqual(matches(known, /"(IVC_[A-Z_]+)"/g));
  });

  it("name every metric, and no other", async () => {
    const telemetry = await textOf(["daemon/telemetry"]);
    const documented = quotedInColumn(operations.section("Metrics"), 0);
    expect(
      documented.filter((word) => /^ivc_[a-z_]+$/.test(word)).toSorted(),
    ).toEqual(matches(telemetry, /"(ivc_[a-z_]+)"/g));
  });

  it("name every method, and no other", () => {
    const titles = matches(rpc.section("Methods"), /^### (.*)$/gm);
    const documented = titles.flatMap((title) => title.split(", "));
    const known = [...allHandlers({} as HandlerTools).keys()];
    expect(documented.toSorted()).toEqual(
      [...known, "oslo_rpc_server_ping"].toSorted(),
    );
  });

  it("name every error code", () => {
    // Words of the same look that are no codes: variables of the environment, codes of Node, AMQP's and Redis' own.
    const others =
      /^(?:IVC|OS|NODE|LIBISCSI|ERR|CERT|DEPTH|SELF|UNABLE)_|^(?:CREDENTIALS_DIRECTORY|JOURNAL_STREAM|NOTIFY_SOCKET|WATCHDOG_USEC)$/;
    const codes = matches(sources, /"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g).filter(
      (word) => !others.test(word),
    );
    expect(codes.length).toBeGreaterThan(100);
    const told = rpc.text + operations.text;
    expect(codes.filter((code) => !told.includes(`\`${code}\``))).toEqual([]);
  });

  it("name no error code that nothing says", () => {
    const tables = [
      rpc.section("Failures"),
      operations.section("Exit codes and signals"),
      operations.section("ivc"),
    ];
    const documented = tables
      .flatMap((table) => quotedInColumn(table, 0))
      .filter((word) => /^[A-Z][A-Z_]+$/.test(word));
    expect(documented.length).toBeGreaterThan(100);
    const unknown = documented.filter(
      (code) => !new RegExp(`\\b${code}\\b`).test(sources),
    );
    expect(unknown).toEqual([]);
  });

  it("name every command of ivc and its options, and no others", () => {
    const section = operations.section("ivc");
    const terminal = { out: process.stdout, err: process.stderr };
    const program = buildProgram({
      ...terminal,
      signal: new AbortController().signal,
    });
    const commands = leavesOf(program);
    const documented = matches(
      quotedInColumn(section, 0).join("\n"),
      /^ivc ([a-z]+ [a-z]+)/gm,
    );
    expect(documented).toEqual(commands.map(({ name }) => name).toSorted());
    const options = [program, ...commands.map(({ command }) => command)]
      .flatMap((command) => command.options.map(({ long }) => long ?? ""))
      .filter((long) => long !== "--version");
    expect(matches(section, /(--[a-z][a-z-]+)/g)).toEqual(
      [...new Set(options)].toSorted(),
    );
  });

  it.each(pagesWithLinks)("link from %s to what is there", async (from) => {
    const { text } = await markdownPage(from);
    const broken: string[] = [];
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (!target.includes("://") && !(await leadsSomewhere(from, target))) {
        broken.push(target);
      }
    }
    expect(broken).toEqual([]);
  });
});

async function leadsSomewhere(from: string, target: string): Promise<boolean> {
  const [file = "", anchor] = target.split("#");
  const to = file === "" ? from : path.join(path.dirname(from), file);
  try {
    await access(path.join(root, to));
  } catch {
    return false;
  }
  return anchor === undefined || (await markdownPage(to)).anchors.has(anchor);
}

/** The distinct first groups of all matches, sorted. */
function matches(text: string, pattern: RegExp): string[] {
  const found = [...text.matchAll(pattern)].map(([, word]) => word ?? "");
  return [...new Set(found)].toSorted();
}

/** `name`, or `name.key` for each key of an object. */
function keysOf(name: string, schema: object): string[] {
  const shape: unknown = Reflect.get(schema, "shape");
  return typeof shape === "object" && shape !== null
    ? Object.keys(shape).map((key) => `${name}.${key}`)
    : [name];
}

interface Leaf {
  readonly name: string;
  readonly command: Command;
}

function leavesOf(command: Command, prefix = ""): Leaf[] {
  return command.commands.flatMap((each) => {
    const name = `${prefix}${each.name()}`;
    return each.commands.length === 0
      ? [{ name, command: each }]
      : leavesOf(each, `${name} `);
  });
}

async function textOf(folders: readonly string[]): Promise<string> {
  const texts: string[] = [];
  for (const folder of folders) {
    const files = await readdir(path.join(root, folder), {
      recursive: true,
      withFileTypes: true,
    });
    for (const file of files.filter((each) => each.isFile())) {
      texts.push(await readFile(path.join(file.parentPath, file.name), "utf8"));
    }
  }
  return texts.join("\n");
}
