import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { exitCode } from "../exit-code.ts";
import type { GlobalOptions } from "../global-options.ts";
import { printResult, type Terminal } from "../terminal.ts";

/** `ivc config check|show`: the settings that ivcd would start with here. */
export function addConfigCommands(program: Command, terminal: Terminal): void {
  const config = program
    .command("config")
    .description("settings of ivcd, as found here");
  config
    .command("check")
    .description(
      "say what is wrong with them, all at once; exit 78 if anything",
    )
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const settings = await checkedSettings();
      const { sources } = settings;
      printResult(terminal, options.json === true, { ok: true, sources }, () =>
        ["The settings are right. They come from:", ...sources].join("\n  "),
      );
    });
  config
    .command("show")
    .description("print them as JSON, with defaults filled in")
    .option("--redacted", "without secrets: always so")
    .action(async () => {
      const settings = await checkedSettings();
      terminal.out.write(`${JSON.stringify(settings, null, 2)}\n`);
    });
}

async function checkedSettings() {
  const { loadSettings, redactedSettings, SettingsError } =
    await import("../../daemon/settings.ts");
  try {
    return redactedSettings(loadSettings());
  } catch (error) {
    if (error instanceof SettingsError) {
      throw new CliError(
        exitCode.configuration,
        "SETTINGS_INVALID",
        error.message,
        { cause: error, details: { problems: error.problems } },
      );
    }
    throw error;
  }
}
