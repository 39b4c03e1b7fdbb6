import { CommanderError } from "commander";
import { CliError } from "./cli-error.ts";
import { type ExitCode, exitCode } from "./exit-code.ts";
import { buildProgram } from "./program.ts";
import { printFailure, type Terminal } from "./terminal.ts";

/** Runs one command line and says what the process has to end with. */
export async function runCli(
  argv: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  const program = buildProgram(terminal);
  try {
    await program.parseAsync(argv, { from: "user" });
    return terminal.signal.aborted ? exitCode.interrupted : exitCode.ok;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has already said what is wrong, or shown what was asked for.
      return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    }
    if (error instanceof CliError) {
      printFailure(terminal, argv.includes("--json"), error);
      return error.exit;
    }
    throw error;
  }
}
