import { BrokerError } from "../daemon/consumers/broker-error.ts";
import { CliError } from "./cli-error.ts";
import { type ExitCode, exitCode } from "./exit-code.ts";
import { RpcRemoteError, RpcUnansweredError } from "./rpc-errors.ts";

const exits: Readonly<Record<string, ExitCode>> = {
  AMQP_URL: exitCode.usage,
  AMQP_CA: exitCode.configuration,
  RPC_TIMEOUT: exitCode.timeout,
  RPC_BAD_REPLY: exitCode.refused,
};

/** Whatever went wrong with the bus or the daemon, as `ivc` tells it; what is none of that is given back as it is. */
export function failureOf(error: unknown, interrupt: AbortSignal): unknown {
  if (error instanceof CliError) {
    return error;
  }
  if (interrupt.aborted) {
    return new CliError(exitCode.interrupted, "INTERRUPTED", "by Ctrl-C");
  }
  if (error instanceof RpcRemoteError) {
    const code = error.errorCode ?? error.remoteClass;
    return new CliError(exitCode.refused, code, error.message, {
      cause: error,
      details: { class: error.remoteClass, status: error.status },
    });
  }
  if (error instanceof RpcUnansweredError || error instanceof BrokerError) {
    const exit = exits[error.code] ?? exitCode.unreachable;
    return new CliError(exit, error.code, error.message, { cause: error });
  }
  return error;
}
