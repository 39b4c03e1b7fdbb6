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

async function main(): Promise<void> {
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // Not `once`: a second Ctrl-C while it cleans up must not leave anything behind.
    process.on(signal, () => interrupt.abort());
  }
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
    process.removeAllListeners("SIGINT");
    process.removeAllListeners("SIGTERM");
  }
}

await main();
