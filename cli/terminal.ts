import type { WriteStream } from "node:tty";
import type { CliError } from "./cli-error.ts";

/** Where `ivc` writes: results to stdout, everything else to stderr. */
export interface Terminal {
  readonly out: WriteStream;
  readonly err: WriteStream;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** A result: `value` as one JSON document, or `text` for people. */
export function printResult(
  terminal: Terminal,
  isJson: boolean,
  value: unknown,
  text: () => string,
): void {
  const printed = isJson ? JSON.stringify(value, null, 2) : text();
  terminal.out.write(`${printed}\n`);
}

/** A failure: the message on stderr, and with `--json` also as the one document on stdout. */
export function printFailure(
  terminal: Terminal,
  isJson: boolean,
  error: CliError,
): void {
  if (isJson) {
    const document = {
      error: { code: error.code, message: error.message, ...error.details },
    };
    terminal.out.write(`${JSON.stringify(document, null, 2)}\n`);
  }
  terminal.err.write(`ivc: ${error.message}\n`);
}
