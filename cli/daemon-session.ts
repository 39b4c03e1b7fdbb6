import {
  type ConnectionSettings,
  connectionSettings,
} from "./connection-settings.ts";
import { failureOf } from "./failure-of.ts";
import type { GlobalOptions } from "./global-options.ts";
import { RpcClient } from "./rpc-client.ts";
import { rpcContext } from "./rpc-context.ts";
import type { Terminal } from "./terminal.ts";

/** How one call differs from the others of its session. */
export interface OneCall {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Calls to the daemons with the identity and the patience that the options give. */
export interface DaemonSession {
  /** The method's answer; throws a CliError. */
  call(
    method: string,
    args: Readonly<Record<string, unknown>>,
    options?: OneCall,
  ): Promise<unknown>;
}

/** What a command needs besides the options. */
export interface SessionNeeds {
  readonly asAdmin?: boolean;
  /** Patience where `--timeout` is not given; a minute by default. */
  readonly timeoutMs?: number;
  /** Asks for heartbeats: without one in this time the daemon counts as gone. */
  readonly monitorTimeoutS?: number;
}

const patienceMs = 60_000;
const connectMs = 10_000;

/** Connects, runs `work`, and disconnects. */
export async function withDaemon(
  options: GlobalOptions,
  terminal: Terminal,
  needs: SessionNeeds,
  work: (daemon: DaemonSession) => Promise<void>,
): Promise<void> {
  const settings = await connectionSettings(options);
  try {
    await using client = await connect(settings, options, terminal.signal);
    await work(sessionOver(client, options, needs, terminal.signal));
  } catch (error) {
    throw failureOf(error, terminal.signal);
  }
}

async function connect(
  settings: ConnectionSettings,
  options: GlobalOptions,
  signal: AbortSignal,
): Promise<RpcClient> {
  return await RpcClient.connect({
    url: settings.amqpUrl,
    password: settings.password ?? undefined,
    caFile: settings.caFile ?? undefined,
    exchange: settings.exchange,
    topic: settings.topic,
    connectTimeoutMs: Math.min(connectMs, options.timeout ?? connectMs),
    signal,
  });
}

function sessionOver(
  client: RpcClient,
  options: GlobalOptions,
  needs: SessionNeeds,
  interrupt: AbortSignal,
): DaemonSession {
  const timeoutMs = options.timeout ?? needs.timeoutMs ?? patienceMs;
  const { monitorTimeoutS } = needs;
  const context = rpcContext(options, needs.asAdmin === true);
  return {
    call: async (method, args, own = {}) => {
      const signal = own.signal
        ? AbortSignal.any([interrupt, own.signal])
        : interrupt;
      try {
        return await client.call(method, args, {
          context,
          timeoutMs: own.timeoutMs ?? timeoutMs,
          signal,
          ...(monitorTimeoutS === undefined || own.timeoutMs !== undefined
            ? {}
            : { monitorTimeoutS }),
        });
      } catch (error) {
        throw failureOf(error, interrupt);
      }
    },
  };
}
