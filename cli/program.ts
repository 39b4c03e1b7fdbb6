import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addCacheCommands } from "./commands/cache-commands.ts";
import { addConfigCommands } from "./commands/config-commands.ts";
import { addEventsCommands } from "./commands/events-commands.ts";
import { addVolumeCommands } from "./commands/volume-commands.ts";
import { addGlobalOptions } from "./global-options.ts";
import type { Terminal } from "./terminal.ts";

const exitHelp = `
Exit status: 0 done; 1 the daemon refused or failed; 2 wrong usage, nothing sent; 3 no answer in time;
4 the broker is out of reach or nobody listens; 78 the settings are wrong; 130 Ctrl-C.
The bus is trusted as in OpenStack: --project, --admin and the admin commands claim, and the daemons
believe it, unless rpc.adminBrokerUsers names the broker's users that may.`;

/** The commands of `ivc`. */
export function buildProgram(terminal: Terminal): Command {
  const program = new Command("ivc")
    .description("Operate image-volume-cache daemons over their message bus.")
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
    })
    .addHelpText("after", exitHelp);
  addGlobalOptions(program);
  addVolumeCommands(program, terminal);
  addCacheCommands(program, terminal);
  addEventsCommands(program, terminal);
  addConfigCommands(program, terminal);
  return program;
}

function packageVersion(): string {
  const file = new URL("../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(file, "utf8")) as {
    version: string;
  };
  return version;
}
