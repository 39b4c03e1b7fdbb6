import { readFileSync } from "node:fs";
import { type Daemon, startDaemon } from "./daemon.ts";
import { DaemonError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import { loadSettings, type Settings, SettingsError } from "./settings.ts";
import { SystemdNotifier } from "./systemd.ts";
import { createLogger } from "./winston-logger.ts";

/** How the process ends; docs/operations.md explains them. */
const exitCodes = {
  stopped: 0,
  failed: 1,
  configuration: 78,
  forced: 143,
} as const;

/** Errors that no restart mends: the operator has to change something first. */
const configurationCodes = new Set([
  "ARRAY_ADDRESS",
  "ARRAY_FORBIDDEN",
  "ARRAY_LOGIN",
  "ARRAY_TRUST",
  "ARRAY_UNTRUSTED",
  "ARRAY_VERSION",
  "BACKEND_CONFLICT",
  "DEFAULT_BACKEND_CONFLICT",
  "NODE_ID_IN_USE",
  "SCHEMA",
  "REDIS_POLICY",
  "REDIS_VERSION",
  "REDIS_REPLICA",
  "TOOL_MISSING",
  "HTTP_PORT",
  "AMQP_URL",
  "AMQP_CA",
  "BACKEND_UNUSABLE",
  "SCRATCH_UNUSABLE",
  "CONFIG_INVALID",
]);

async function main(): Promise<void> {
  const [option] = process.argv.slice(2);
  if (option === "--version") {
    process.stdout.write(`ivcd ${version()}\n`);
    return;
  }
  if (option !== undefined) {
    process.stderr.write(
      `ivcd: unknown argument ${option}; ivcd takes its settings from files and the environment (see docs/operations.md), and --version\n`,
    );
    process.exitCode = exitCodes.configuration;
    return;
  }
  const settings = settingsOrExit();
  if (settings === null) {
    return;
  }
  const logger = createLogger({
    level: settings.log.level,
    withPriority: (process.env["JOURNAL_STREAM"] ?? "") !== "",
  });
  process.exitCode = await run(settings, logger);
  // What still keeps the loop alive now (an open socket of a library) must not keep the process.
  process.exit();
}

function settingsOrExit(): Settings | null {
  try {
    return loadSettings();
  } catch (error) {
    if (!(error instanceof SettingsError)) {
      throw error;
    }
    process.stderr.write(`${error.message}\n`);
    process.exitCode = exitCodes.configuration;
    return null;
  }
}

/** Runs until a signal or a fatal error; answers the exit code. */
async function run(settings: Settings, logger: Logger): Promise<number> {
  using systemd = new SystemdNotifier(process.env, logger);
  const stop = stopOnSignals(logger);
  const fatal = Promise.withResolvers<Error>();
  onUncaught(fatal.resolve);
  tellSettings(settings, logger);
  await systemd.tell("STATUS=starting: waiting for Redis and RabbitMQ");
  let daemon: Daemon;
  try {
    daemon = await startDaemon({
      settings,
      logger,
      version: version(),
      signal: stop,
      onFatal: fatal.resolve,
    });
  } catch (error) {
    return endOfFailedStart(error, stop, logger);
  }
  await using running = daemon;
  await systemd.tell("READY=1", "STATUS=serving");
  logger.info("started", {
    version: version(),
    node: settings.nodeName,
    pid: process.pid,
  });
  const error = await Promise.race([whenAborted(stop), fatal.promise]);
  await systemd.tell("STOPPING=1", "STATUS=draining");
  if (error !== null) {
    logger.error("fatal", { error });
    return exitCodes.failed;
  }
  await running.drain();
  logger.info("stopped");
  return exitCodes.stopped;
}

function endOfFailedStart(
  error: unknown,
  stop: AbortSignal,
  logger: Logger,
): number {
  if (stop.aborted) {
    logger.info("stopped while starting");
    return exitCodes.stopped;
  }
  logger.error("cannot start", { error });
  const isConfiguration =
    error instanceof DaemonError && configurationCodes.has(error.code);
  if (error instanceof DaemonError) {
    process.stderr.write(`ivcd: ${error.message}\n`);
  }
  return isConfiguration ? exitCodes.configuration : exitCodes.failed;
}

/** The first SIGTERM or SIGINT drains, the second one forces. */
function stopOnSignals(logger: Logger): AbortSignal {
  const stop = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (stop.signal.aborted) {
      logger.warn("forced to stop", { signal: name });
      process.exit(exitCodes.forced);
    }
    logger.info("stopping", { signal: name });
    stop.abort();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  return stop.signal;
}

function onUncaught(tell: (error: Error) => void): void {
  const onError = (error: unknown): void => {
    tell(error instanceof Error ? error : new Error(String(error)));
  };
  process.on("uncaughtException", onError);
  process.on("unhandledRejection", onError);
}

async function whenAborted(signal: AbortSignal): Promise<null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  if (signal.aborted) {
    resolve(null);
  }
  signal.addEventListener("abort", () => {
    resolve(null);
  });
  return await promise;
}

function tellSettings(settings: Settings, logger: Logger): void {
  logger.info("settings", { sources: settings.sources });
  if (
    !settings.backends.some((each) => each.name === settings.defaultBackend)
  ) {
    logger.warn(
      "the default backend is not served here: requests that name none are passed on to the daemons that serve it",
      {
        defaultBackend: settings.defaultBackend,
        served: settings.backends.map((each) => each.name),
      },
    );
  }
  if (!settings.internalTenant.isConfigured) {
    logger.warn(
      "no internal tenant configured (cache.cinder_internal_tenant_*): image-volumes belong to a fixed internal id",
      { projectId: settings.internalTenant.projectId },
    );
  }
}

function version(): string {
  const text = readFileSync(
    new URL("../package.json", import.meta.url),
    "utf8",
  );
  return (JSON.parse(text) as { version: string }).version;
}

await main();
