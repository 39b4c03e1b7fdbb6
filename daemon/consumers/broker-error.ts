import { DaemonError } from "../errors.ts";

/** The broker cannot be reached, refuses us, or did not confirm in time. */
export class BrokerError extends DaemonError {
  override readonly name = "BrokerError";

  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(`${code}: ${message}`, {
      ...options,
      code,
      retry: "later",
      status: 503,
    });
  }
}
