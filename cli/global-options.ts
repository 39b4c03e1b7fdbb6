import { type Command, Option } from "commander";
import { parseTimeout } from "./argument-parsers.ts";

/** Options that every command takes. */
export interface GlobalOptions {
  readonly amqpUrl?: string;
  readonly exchange?: string;
  readonly topic?: string;
  readonly project?: string;
  readonly user?: string;
  readonly admin?: boolean;
  readonly token?: string;
  readonly json?: boolean;
  /** Milliseconds. */
  readonly timeout?: number;
}

/** Adds {@link GlobalOptions} to the program; they may be given before or after the command. */
export function addGlobalOptions(program: Command): Command {
  const options = [
    new Option(
      "--amqp-url <url>",
      "broker; holds a password: prefer the variable",
    ).env("IVC_AMQP_URL"),
    new Option(
      "--exchange <name>",
      "control exchange of the daemons (default: settings, else openstack)",
    ).env("IVC_RPC_EXCHANGE"),
    new Option(
      "--topic <name>",
      "topic of the daemons (default: settings, else image-volume-cache)",
    ).env("IVC_RPC_TOPIC"),
    new Option("--project <id>", "act in this project").env("OS_PROJECT_ID"),
    new Option("--user <id>", "act as this user").env("OS_USER_ID"),
    new Option("--admin", "act as an admin (cache commands always do)"),
    new Option(
      "--token <token>",
      "Keystone token for the image service: prefer the variable",
    ).env("OS_TOKEN"),
    new Option("--json", "print one JSON document"),
    new Option(
      "--timeout <time>",
      "how long to wait: 90, 90s, 10m, 2h (default: 60s; volume create: 4h)",
    ).argParser(parseTimeout),
  ];
  for (const option of options) {
    program.addOption(option);
  }
  return program;
}
