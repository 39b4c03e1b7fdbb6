import { parseArgs } from "node:util";
import { newestModelled } from "./newest-modelled.ts";
import { isVersion } from "./rest/is-version.ts";
import type { SimulatorOptions } from "./simulator.ts";
import { isAtLeast } from "./version.ts";

/** What the command line asks for. */
export interface CommandLine {
  readonly options: SimulatorOptions;
  readonly controlPort: number;
  /** Settings to be changed at the start, by name. */
  readonly changes: Readonly<Record<string, unknown>>;
  readonly isHelpWanted: boolean;
}

/** A command line that cannot be understood; the message says why. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Shown for `--help` and with mistakes. */
export const usage = `npm run simulator -- [options]

Runs a simulated FlashArray until it is interrupted (Ctrl-C), and leaves nothing behind.
  --port <n>            of the array's HTTPS; default any free one
  --control-port <n>    of the control interface; default any free one
  --newest <2.x>        newest REST version, up to 2.36; default 2.26 (2.4, 2.16, 2.26 and 2.36 differ most)
  --data-plane <kind>   file: volumes are files only (default); iscsi: hosts can attach them (needs tgt)
  --address <ip>        of an iSCSI portal, with a port if need be (127.0.0.1:3260); may be repeated
  --folder <folder>     volumes are in a new folder in it, which is removed at the end; default the system's temporary one
  --api-token <token>   default a random one
  --safe-mode           eradication is disabled
  --idle-timeout <s>    life of an unused session; 0 is for ever
  --page-size <n>       most items of one answer; default 1000
  --set <name>=<json>   any other setting, such as --set maxVolumes=10; may be repeated; docs/simulator.md has them
  --help
`;

/** @throws {UsageError} */
export function readCommandLine(args: readonly string[]): CommandLine {
  const values = parsed(args);
  const { newest, folder, address, "api-token": apiToken } = values;
  if (
    newest !== undefined &&
    !(isVersion(newest) && isAtLeast(newestModelled, newest))
  ) {
    throw new UsageError(
      `--newest: need a version from 2.0 to ${newestModelled}, such as 2.26`,
    );
  }
  return {
    isHelpWanted: values.help === true,
    controlPort: port("control-port", values["control-port"]),
    options: {
      port: port("port", values.port),
      dataPlane: dataPlane(values["data-plane"]),
      ...(newest !== undefined && { newest }),
      ...(folder !== undefined && { folder }),
      ...(apiToken !== undefined && { apiToken }),
      ...(address !== undefined && { addresses: address }),
    },
    changes: {
      ...changesOf(values.set ?? []),
      ...(values["safe-mode"] === true && {
        manualEradication: "all-disabled",
      }),
      ...numberOf(
        "idle-timeout",
        "idleTimeoutMs",
        values["idle-timeout"],
        1000,
      ),
      ...numberOf("page-size", "pageSize", values["page-size"], 1),
    },
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: "string" },
        "control-port": { type: "string" },
        newest: { type: "string" },
        "data-plane": { type: "string" },
        address: { type: "string", multiple: true },
        folder: { type: "string" },
        "api-token": { type: "string" },
        "safe-mode": { type: "boolean" },
        "idle-timeout": { type: "string" },
        "page-size": { type: "string" },
        set: { type: "string", multiple: true },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function port(name: string, text = "0"): number {
  const number = wholeNumber(name, text);
  if (number > 65_535) {
    throw new UsageError(`--${name}: a port is at most 65535`);
  }
  return number;
}

function dataPlane(text = "file"): "file" | "iscsi" {
  if (text !== "file" && text !== "iscsi") {
    throw new UsageError("--data-plane: need file or iscsi");
  }
  return text;
}

function numberOf(
  option: string,
  setting: string,
  text: string | undefined,
  unit: number,
): Readonly<Record<string, number>> {
  return text === undefined
    ? {}
    : { [setting]: wholeNumber(option, text) * unit };
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,12}$/u.test(text)) {
    throw new UsageError(`--${name}: need a whole number, got ${text}`);
  }
  return Number(text);
}

function changesOf(
  settings: readonly string[],
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    settings.map((setting) => {
      const [name = "", ...rest] = setting.split("=");
      return [name, jsonOrText(rest.join("="))];
    }),
  );
}

/** A text needs no quotes on the command line. */
function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
