import { type Command, Option } from "commander";
import { collectText, parseUuid } from "../argument-parsers.ts";
import { CliError } from "../cli-error.ts";
import { withDaemon } from "../daemon-session.ts";
import { exitCode } from "../exit-code.ts";
import type { GlobalOptions } from "../global-options.ts";
import { connectionDetails } from "../output/connection-view.ts";
import { fieldsOf } from "../output/fields.ts";
import { printResult, type Terminal } from "../terminal.ts";

interface ConnectorOptions extends GlobalOptions {
  readonly host?: string;
  readonly initiator?: string;
  readonly nqn?: string;
  readonly wwpn?: readonly string[];
}

interface DisconnectOptions extends ConnectorOptions {
  readonly all?: boolean;
}

/** `ivc volume connect`: lets a host reach a volume and prints how. */
export function addVolumeConnect(volume: Command, terminal: Terminal): void {
  const command = volume
    .command("connect")
    .description("let a host reach a volume, and say how it does")
    .argument("<volume-id>", "its UUID", parseUuid);
  addConnectorOptions(command).action(
    async (volumeId: string, _options, self: Command) => {
      const options = self.optsWithGlobals<ConnectorOptions>();
      const connector = connectorOf(options);
      if (connector === null) {
        throw usage("name the host: --host <name>");
      }
      await withDaemon(options, terminal, {}, async (daemon) => {
        const args = { volume_id: volumeId, connector };
        const answer = await daemon.call("initialize_connection", args);
        const info = fieldsOf(answer);
        printResult(terminal, options.json === true, info, () =>
          connectionDetails(info),
        );
      });
    },
  );
}

/** `ivc volume disconnect`: undoes a connect, for one host or for all. */
export function addVolumeDisconnect(volume: Command, terminal: Terminal): void {
  const command = volume
    .command("disconnect")
    .description(
      "take a volume away from a host; that has to have closed it before",
    )
    .argument("<volume-id>", "its UUID", parseUuid);
  addConnectorOptions(command)
    .addOption(
      new Option("--all", "from every host").conflicts([
        "host",
        "initiator",
        "nqn",
        "wwpn",
      ]),
    )
    .action(async (volumeId: string, _options, self: Command) => {
      const options = self.optsWithGlobals<DisconnectOptions>();
      const connector = connectorOf(options);
      if (connector === null && options.all !== true) {
        throw usage("name the host: --host <name>, or --all");
      }
      await withDaemon(options, terminal, {}, async (daemon) => {
        const answer = await daemon.call("terminate_connection", {
          volume_id: volumeId,
          ...(connector === null ? {} : { connector }),
        });
        printResult(
          terminal,
          options.json === true,
          fieldsOf(answer),
          () => `disconnected ${volumeId}`,
        );
      });
    });
}

function addConnectorOptions(command: Command): Command {
  return command
    .option("--host <name>", "its name")
    .option("--initiator <iqn>", "its iSCSI name")
    .option("--nqn <nqn>", "its NVMe name")
    .option(
      "--wwpn <wwpn>",
      "a Fibre Channel port of it; may be repeated",
      collectText,
    );
}

/** Null where no host was named. */
function connectorOf({
  host,
  initiator,
  nqn,
  wwpn,
}: ConnectorOptions): Record<string, unknown> | null {
  if (host === undefined) {
    if (initiator !== undefined || nqn !== undefined || wwpn !== undefined) {
      throw usage("--initiator, --nqn and --wwpn need --host <name>");
    }
    return null;
  }
  return {
    host,
    ...(initiator !== undefined && { initiator }),
    ...(nqn !== undefined && { nqn }),
    ...(wwpn !== undefined && { wwpns: wwpn }),
  };
}

function usage(message: string): CliError {
  return new CliError(exitCode.usage, "USAGE", message);
}
