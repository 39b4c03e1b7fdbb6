import type { ExitCode } from "./exit-code.ts";

/** A failure as `ivc` tells it: a stable code, a message, and what the process ends with. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: string;
  readonly exit: ExitCode;
  /** More about it for `--json`, such as the remote class. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    exit: ExitCode,
    code: string,
    message: string,
    options: ErrorOptions & {
      readonly details?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    super(message.startsWith(`${code}:`) ? message : `${code}: ${message}`, {
      cause: options.cause,
    });
    this.exit = exit;
    this.code = code;
    this.details = options.details ?? {};
  }
}
