import type { Settings } from "../daemon/settings.ts";
import { CliError } from "./cli-error.ts";
import { exitCode } from "./exit-code.ts";
import type { GlobalOptions } from "./global-options.ts";

/** What is needed to talk to daemons and to hear their events. */
export interface ConnectionSettings {
  readonly amqpUrl: string;
  readonly password: string | null;
  readonly caFile: string | null;
  readonly exchange: string;
  readonly topic: string;
  readonly eventExchange: string;
  readonly eventTopic: string;
}

/**
 * From the options, else from the settings of ivcd. With a URL given, settings that are missing or wrong do not matter:
 * an operator's machine need not be able to run a daemon.
 */
export async function connectionSettings(
  options: GlobalOptions,
): Promise<ConnectionSettings> {
  const givenUrl = options.amqpUrl || null;
  const found = (await usableSettings(givenUrl !== null)) ?? defaults();
  return {
    ...found,
    ...(givenUrl === null ? {} : { amqpUrl: givenUrl, password: null }),
    exchange: options.exchange || found.exchange,
    topic: options.topic || found.topic,
  };
}

async function usableSettings(
  mayBeWrong: boolean,
): Promise<ConnectionSettings | null> {
  const { loadSettings, SettingsError } = await import("../daemon/settings.ts");
  try {
    return connectionOf(loadSettings());
  } catch (error) {
    if (!(error instanceof SettingsError)) {
      throw error;
    }
    if (mayBeWrong) {
      return null;
    }
    throw new CliError(
      exitCode.configuration,
      "SETTINGS_INVALID",
      `${error.message}\nTo talk to a daemon elsewhere, IVC_AMQP_URL (or --amqp-url) is enough.`,
      { cause: error, details: { problems: error.problems } },
    );
  }
}

function connectionOf({ amqp, rpc, telemetry }: Settings): ConnectionSettings {
  return {
    amqpUrl: amqp.url,
    password: amqp.password,
    caFile: amqp.caFile,
    exchange: rpc.exchange,
    topic: rpc.topic,
    eventExchange: telemetry.exchange,
    eventTopic: telemetry.topic,
  };
}

function defaults(): ConnectionSettings {
  const { env } = process;
  return {
    amqpUrl: "",
    password: null,
    caFile: env["IVC_AMQP_CA_FILE"] || null,
    exchange: "openstack",
    topic: "image-volume-cache",
    eventExchange: env["IVC_TELEMETRY_EXCHANGE"] || "cinder",
    eventTopic: env["IVC_TELEMETRY_TOPIC"] || "notifications",
  };
}
