import type { Command } from "commander";
import { type CacheTarget, parseCacheTarget } from "../argument-parsers.ts";
import { withDaemon } from "../daemon-session.ts";
import type { GlobalOptions } from "../global-options.ts";
import { cacheDetails, cacheStats, cacheTable } from "../output/cache-view.ts";
import { fieldsOf } from "../output/fields.ts";
import { printResult, type Terminal } from "../terminal.ts";
import { addCacheEvict } from "./cache-evict.ts";
import { listEntries } from "./list-entries.ts";

interface CacheOptions extends GlobalOptions {
  readonly backend?: string;
}

const asAdmin = { asAdmin: true };

/** `ivc cache list|show|stats|evict`: all of them as an admin. */
export function addCacheCommands(program: Command, terminal: Terminal): void {
  const cache = program
    .command("cache")
    .description("image-volumes; for admins, as which these commands act");
  addCacheList(cache, terminal);
  addCacheShow(cache, terminal);
  addCacheStats(cache, terminal);
  addCacheEvict(cache, terminal);
}

function addCacheList(cache: Command, terminal: Terminal): void {
  cache
    .command("list")
    .description("what is cached")
    .option("--backend <name>", "default: the default backend")
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<CacheOptions>();
      await withDaemon(options, terminal, asAdmin, async (daemon) => {
        const entries = await listEntries(daemon, options.backend);
        printResult(terminal, options.json === true, { entries }, () =>
          cacheTable(entries),
        );
      });
    });
}

function addCacheShow(cache: Command, terminal: Terminal): void {
  cache
    .command("show")
    .description("everything about one entry")
    .argument("<image-or-content>", "image id, or content", parseCacheTarget)
    .option("--backend <name>", "default: the default backend")
    .action(async (target: CacheTarget, _options, command: Command) => {
      const options = command.optsWithGlobals<CacheOptions>();
      await withDaemon(options, terminal, asAdmin, async (daemon) => {
        const answer = await daemon.call("cache_show", {
          ...target,
          ...onBackend(options),
        });
        printResult(terminal, options.json === true, answer, () =>
          cacheDetails(fieldsOf(answer)),
        );
      });
    });
}

function addCacheStats(cache: Command, terminal: Terminal): void {
  cache
    .command("stats")
    .description("use, limits, hit ratio")
    .option("--backend <name>", "default: the default backend")
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<CacheOptions>();
      await withDaemon(options, terminal, asAdmin, async (daemon) => {
        const answer = await daemon.call("cache_stats", onBackend(options));
        printResult(terminal, options.json === true, answer, () =>
          cacheStats(fieldsOf(answer)),
        );
      });
    });
}

function onBackend(options: CacheOptions): Record<string, unknown> {
  return options.backend === undefined ? {} : { backend: options.backend };
}
