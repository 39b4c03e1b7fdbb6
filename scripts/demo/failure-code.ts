import { RpcRemoteError } from "../../cli/rpc-errors.ts";

/** The stable word of a failure that a daemon answered with; other errors are thrown on. */
export function failureCode(error: unknown): string {
  if (error instanceof RpcRemoteError) {
    return error.errorCode ?? error.remoteClass;
  }
  throw error;
}
