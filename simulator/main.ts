import { once } from "node:events";
import {
  type CommandLine,
  readCommandLine,
  usage,
  UsageError,
} from "./command-line.ts";
import { changeSettings } from "./control/change-settings.ts";
import { CommandError } from "./control/command-error.ts";
import { ControlServer } from "./control/control-server.ts";
import { introduction } from "./introduction.ts";
import { Simulator } from "./simulator.ts";

async function run(
  commandLine: CommandLine,
  interrupt: AbortSignal,
): Promise<void> {
  await using simulator = await Simulator.start(commandLine.options);
  changeSettings(simulator, commandLine.changes);
  await using control = await ControlServer.start(
    simulator,
    commandLine.controlPort,
  );
  process.stdout.write(introduction(simulator, control.url));
  if (!interrupt.aborted) {
    await once(interrupt, "abort");
  }
}

/** npm hands SIGINT and SIGTERM on; of all others it dies alone. */
function watchNpm(gone: () => void): void {
  const npm = process.ppid;
  if (process.env["npm_lifecycle_event"] === "simulator") {
    setInterval(() => {
      if (process.ppid !== npm) {
        gone();
      }
    }, 500).unref();
  }
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

async function main(): Promise<void> {
  const interrupt = new AbortController();
  for (const stream of [process.stdout, process.stderr]) {
    // Who listened may have gone, with a terminal that was closed for instance: that must not leave anything behind.
    stream.on("error", () => {});
  }
  for (const signal of signals) {
    // Not `once`: a second Ctrl-C while it cleans up must not leave anything behind.
    process.on(signal, () => interrupt.abort());
  }
  watchNpm(() => interrupt.abort());
  try {
    const commandLine = readCommandLine(process.argv.slice(2));
    if (commandLine.isHelpWanted) {
      process.stdout.write(usage);
      return;
    }
    await run(commandLine, interrupt.signal);
    process.stdout.write("The simulated FlashArray has stopped.\n");
  } catch (error) {
    const isUsage =
      error instanceof UsageError || error instanceof CommandError;
    const text = Error.isError(error) ? error.message : String(error);
    process.stderr.write(`simulator: ${text}\n${isUsage ? `\n${usage}` : ""}`);
    process.exitCode = isUsage ? 2 : 1;
  } finally {
    for (const signal of signals) {
      process.removeAllListeners(signal);
    }
  }
}

await main();
