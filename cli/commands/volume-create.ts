import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import {
  collectPair,
  parseChecksum,
  parseImageUrl,
  parseSizeGb,
  parseUuid,
} from "../argument-parsers.ts";
import { CliError } from "../cli-error.ts";
import { withDaemon } from "../daemon-session.ts";
import { exitCode } from "../exit-code.ts";
import type { GlobalOptions } from "../global-options.ts";
import { fieldsOf } from "../output/fields.ts";
import { StatusLine } from "../output/status-line.ts";
import { volumeDetails } from "../output/volume-view.ts";
import { printResult, type Terminal } from "../terminal.ts";
import { showProgress } from "./show-progress.ts";

const fourHoursMs = 4 * 3_600_000;

interface CreateOptions extends GlobalOptions {
  readonly volumeId?: string;
  readonly image?: string;
  readonly url?: string;
  readonly diskFormat?: string;
  readonly checksum?: string;
  readonly size?: number;
  readonly backend?: string;
  readonly name?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cache: boolean;
}

/** `ivc volume create`: waits for the volume and shows how far it is. */
export function addVolumeCreate(volume: Command, terminal: Terminal): void {
  volume
    .command("create")
    .description("make a volume out of an image")
    .option("--image <id>", "image of the image service", parseUuid)
    .addOption(
      new Option("--url <url>", "image on a web server, with --disk-format")
        .argParser(parseImageUrl)
        .conflicts("image"),
    )
    .addOption(
      new Option("--disk-format <format>", "raw, qcow2, …").conflicts("image"),
    )
    .addOption(
      new Option("--checksum <algorithm:hex>", "refuse other bytes")
        .argParser(parseChecksum)
        .conflicts("image"),
    )
    .option("--size <GiB>", "default: the smallest that fits", parseSizeGb)
    .option("--backend <name>", "default: the daemons' default backend")
    .option("--name <name>", "for people")
    .option("--metadata <key=value>", "may be repeated", collectPair)
    .option(
      "--volume-id <uuid>",
      "repeating a create with the same id is safe",
      parseUuid,
    )
    .option("--no-cache", "copy the image past the cache")
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<CreateOptions>();
      checkImage(options);
      await createVolume(options, terminal);
    });
}

function checkImage(options: CreateOptions): void {
  if (options.image === undefined && options.url === undefined) {
    throw new CliError(
      exitCode.usage,
      "USAGE",
      "name the image: --image <id>, or --url <url> --disk-format <format>",
    );
  }
  if (options.url !== undefined && options.diskFormat === undefined) {
    throw new CliError(
      exitCode.usage,
      "USAGE",
      "--url needs --disk-format: a web server does not tell it",
    );
  }
}

async function createVolume(
  options: CreateOptions,
  terminal: Terminal,
): Promise<void> {
  const volumeId = options.volumeId ?? randomUUID();
  const session = { timeoutMs: fourHoursMs, monitorTimeoutS: 60 };
  await withDaemon(options, terminal, session, async (daemon) => {
    using line = new StatusLine(terminal.err);
    const ended = new AbortController();
    const watched = showProgress(daemon, volumeId, line, ended.signal);
    try {
      const answer = await daemon.call(
        "create_volume",
        createArguments(options, volumeId),
      );
      ended.abort();
      await watched;
      line.clear();
      const made = fieldsOf(answer);
      printResult(terminal, options.json === true, made, () =>
        volumeDetails(made),
      );
    } catch (error) {
      ended.abort();
      await watched;
      throw goesOn(error, volumeId);
    }
  });
}

function createArguments(
  options: CreateOptions,
  volumeId: string,
): Record<string, unknown> {
  const { image, url, diskFormat, checksum } = options;
  const all = {
    volume_id: volumeId,
    image_id: image,
    image_url: url,
    disk_format: diskFormat,
    checksum,
    size: options.size,
    backend: options.backend,
    name: options.name,
    metadata: options.metadata,
    cache: options.cache ? undefined : "bypass",
  };
  return Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== undefined),
  );
}

/* Whoever stops waiting has to know that the daemon does not. */
function goesOn(error: unknown, volumeId: string): unknown {
  const isWaitOver =
    error instanceof CliError &&
    (error.exit === exitCode.interrupted || error.exit === exitCode.timeout);
  return isWaitOver
    ? new CliError(
        error.exit,
        error.code,
        `${error.message}\nThe create goes on: ivc volume show ${volumeId}; to cancel it: ivc volume delete ${volumeId}`,
        { cause: error, details: { ...error.details, volume_id: volumeId } },
      )
    : error;
}
