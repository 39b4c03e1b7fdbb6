import type { Command } from "commander";
import { parseCount } from "../argument-parsers.ts";
import { connectionSettings } from "../connection-settings.ts";
import { failureOf } from "../failure-of.ts";
import type { GlobalOptions } from "../global-options.ts";
import { NotificationListener } from "../notification-listener.ts";
import { eventLine } from "../output/event-line.ts";
import { fieldsOf, textOf } from "../output/fields.ts";
import type { Terminal } from "../terminal.ts";

interface TailOptions extends GlobalOptions {
  readonly type?: string;
  readonly count?: number;
  readonly eventExchange?: string;
  readonly eventTopic?: string;
}

/** `ivc events tail`: notifications as they come, beside whoever else reads them. */
export function addEventsCommands(program: Command, terminal: Terminal): void {
  program
    .command("events")
    .description("notifications on the bus")
    .command("tail")
    .description(
      "print them as they come until Ctrl-C; takes none away from Ceilometer",
    )
    .option("--type <prefix>", "only those, such as image_volume_cache.")
    .option("--count <n>", "end after so many", parseCount)
    .option("--event-exchange <name>", "default: settings, else cinder")
    .option("--event-topic <name>", "default: settings, else notifications")
    .addHelpText("after", "\nWith --json: one document a line, as it came.")
    .action(async (_options, command: Command) => {
      await tail(command.optsWithGlobals<TailOptions>(), terminal);
    });
}

async function tail(options: TailOptions, terminal: Terminal): Promise<void> {
  const settings = await connectionSettings(options);
  try {
    await using listener = await NotificationListener.open({
      url: settings.amqpUrl,
      password: settings.password ?? undefined,
      caFile: settings.caFile ?? undefined,
      signal: terminal.signal,
      exchange: options.eventExchange ?? settings.eventExchange,
      topic: options.eventTopic ?? settings.eventTopic,
    });
    let printed = 0;
    const { signal } = terminal;
    for await (const notification of listener.notifications({ signal })) {
      const event = fieldsOf(notification);
      if (textOf(event["event_type"]).startsWith(options.type ?? "")) {
        terminal.out.write(
          `${options.json === true ? JSON.stringify(event) : eventLine(event)}\n`,
        );
        printed += 1;
        if (printed === options.count) {
          return;
        }
      }
    }
  } catch (error) {
    throw failureOf(error, terminal.signal);
  }
}
