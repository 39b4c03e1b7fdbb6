import { type Command, Option } from "commander";
import { volumeStatuses } from "../../daemon/volume.ts";
import { parseCount, parseUuid } from "../argument-parsers.ts";
import { withDaemon } from "../daemon-session.ts";
import type { GlobalOptions } from "../global-options.ts";
import { fieldsOf } from "../output/fields.ts";
import { printable } from "../output/printable.ts";
import { volumeDetails, volumeTable } from "../output/volume-view.ts";
import { printResult, type Terminal } from "../terminal.ts";
import { listVolumes, type VolumeFilter } from "./list-volumes.ts";
import { addVolumeConnect, addVolumeDisconnect } from "./volume-connect.ts";
import { addVolumeCreate } from "./volume-create.ts";

/** `ivc volume create|list|show|delete|connect|disconnect`. */
export function addVolumeCommands(program: Command, terminal: Terminal): void {
  const volume = program
    .command("volume")
    .description("volumes made from images");
  addVolumeCreate(volume, terminal);
  addVolumeList(volume, terminal);
  addVolumeShow(volume, terminal);
  addVolumeDelete(volume, terminal);
  addVolumeConnect(volume, terminal);
  addVolumeDisconnect(volume, terminal);
}

interface ListOptions extends GlobalOptions, VolumeFilter {}

function addVolumeList(volume: Command, terminal: Terminal): void {
  volume
    .command("list")
    .description("volumes of the project; of all projects for an admin")
    .option("--all-tenants", "of every project (needs --admin)")
    .addOption(
      new Option("--status <status>", "only those").choices(volumeStatuses),
    )
    .option("--image <id>", "only those of this image")
    .option("--backend <name>", "only those on this backend")
    .option("--limit <n>", "at most so many (default: all)", parseCount)
    .option("--marker <id>", "go on after this volume", parseUuid)
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<ListOptions>();
      await withDaemon(options, terminal, {}, async (daemon) => {
        const page = await listVolumes(daemon, options);
        const isJson = options.json === true;
        printResult(
          terminal,
          isJson,
          { volumes: page.volumes, next_marker: page.nextMarker },
          () => volumeTable(page.volumes),
        );
        if (page.nextMarker !== null && !isJson) {
          terminal.err.write(
            `ivc: there are more: --marker ${printable(page.nextMarker)}\n`,
          );
        }
      });
    });
}

function addVolumeShow(volume: Command, terminal: Terminal): void {
  volume
    .command("show")
    .description("everything about one volume")
    .argument("<volume-id>", "its UUID", parseUuid)
    .action(async (volumeId: string, _options, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await withDaemon(options, terminal, {}, async (daemon) => {
        const answer = await daemon.call("get_volume", { volume_id: volumeId });
        const found = fieldsOf(answer);
        printResult(terminal, options.json === true, found, () =>
          volumeDetails(found),
        );
      });
    });
}

function addVolumeDelete(volume: Command, terminal: Terminal): void {
  volume
    .command("delete")
    .description(
      "delete volumes; one that is being created is cancelled, an image-volume is evicted",
    )
    .argument("<volume-id...>", "their UUIDs", collectUuids)
    .action(async (volumeIds: string[], _options, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await withDaemon(options, terminal, {}, async (daemon) => {
        const deleted = [];
        for (const volumeId of volumeIds) {
          const answer = await daemon.call("delete_volume", {
            volume_id: volumeId,
          });
          deleted.push(answer);
          if (options.json !== true) {
            terminal.out.write(`deleted ${volumeId}\n`);
          }
        }
        if (options.json === true) {
          printResult(terminal, true, { volumes: deleted }, () => "");
        }
      });
    });
}

function collectUuids(text: string, previous: string[] = []): string[] {
  return [...previous, parseUuid(text)];
}
