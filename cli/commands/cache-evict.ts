import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { type CacheTarget, parseCacheTarget } from "../argument-parsers.ts";
import { CliError } from "../cli-error.ts";
import { type DaemonSession, withDaemon } from "../daemon-session.ts";
import { exitCode } from "../exit-code.ts";
import type { GlobalOptions } from "../global-options.ts";
import { fieldsOf } from "../output/fields.ts";
import { printable } from "../output/printable.ts";
import { printResult, type Terminal } from "../terminal.ts";
import { listEntries } from "./list-entries.ts";

interface EvictOptions extends GlobalOptions {
  readonly backend?: string;
  readonly all?: boolean;
  readonly yes?: boolean;
}

/** `ivc cache evict`: by image or content, or everything after a question. */
export function addCacheEvict(cache: Command, terminal: Terminal): void {
  cache
    .command("evict")
    .description("give up image-volumes; volumes made from them stay")
    .argument("[image-or-content...]", "image ids, or contents", collectTargets)
    .option("--all", "all entries of the backend")
    .option("--yes", "do not ask before --all")
    .option("--backend <name>", "default: the default backend")
    .action(async (given: CacheTarget[] | undefined, _options, command) => {
      const options = (command as Command).optsWithGlobals<EvictOptions>();
      const targets = given ?? [];
      checkWhat(targets, options);
      const session = { asAdmin: true };
      await withDaemon(options, terminal, session, async (daemon) => {
        const chosen =
          options.all === true
            ? await everything(daemon, options, terminal)
            : targets;
        await evict(daemon, chosen, options, terminal);
      });
    });
}

function collectTargets(
  text: string,
  previous: CacheTarget[] = [],
): CacheTarget[] {
  return [...previous, parseCacheTarget(text)];
}

function checkWhat(
  targets: readonly CacheTarget[],
  options: EvictOptions,
): void {
  if (targets.length > 0 === (options.all === true)) {
    throw new CliError(
      exitCode.usage,
      "USAGE",
      "name images or contents to evict, or --all",
    );
  }
  if (options.all === true && options.yes !== true && !process.stdin.isTTY) {
    throw new CliError(
      exitCode.usage,
      "USAGE",
      "--all needs --yes where nobody can be asked",
    );
  }
}

async function everything(
  daemon: DaemonSession,
  options: EvictOptions,
  terminal: Terminal,
): Promise<readonly CacheTarget[]> {
  const contents = (await listEntries(daemon, options.backend))
    .filter((entry) => entry["state"] === "ready")
    .map((entry) => entry["content"])
    .filter((content) => typeof content === "string");
  if (options.yes !== true && contents.length > 0) {
    await confirm(contents.length, terminal);
  }
  return contents.map((content) => ({ content }));
}

async function confirm(count: number, terminal: Terminal): Promise<void> {
  using prompt = createInterface({
    input: process.stdin,
    output: terminal.err,
  });
  const what = count === 1 ? "the one entry" : `all ${count} entries`;
  const reply = await prompt.question(`Evict ${what}? [y/N] `, {
    signal: terminal.signal,
  });
  if (!/^y(es)?$/i.test(reply.trim())) {
    throw new CliError(exitCode.refused, "NOT_CONFIRMED", "nothing evicted");
  }
}

async function evict(
  daemon: DaemonSession,
  targets: readonly CacheTarget[],
  options: EvictOptions,
  terminal: Terminal,
): Promise<void> {
  const evicted = [];
  for (const target of targets) {
    const answer = await daemon.call("cache_evict", {
      ...target,
      ...backendOf(options),
    });
    evicted.push(answer);
    if (options.json !== true) {
      const { image_id: imageId, content } = fieldsOf(answer);
      terminal.out.write(
        `evicted ${printable(imageId)} ${printable(content)}\n`,
      );
    }
  }
  if (options.json === true) {
    printResult(terminal, true, { entries: evicted }, () => "");
  } else if (targets.length === 0) {
    terminal.err.write("ivc: nothing is cached\n");
  }
}

function backendOf(options: EvictOptions): Record<string, unknown> {
  return options.backend === undefined ? {} : { backend: options.backend };
}
