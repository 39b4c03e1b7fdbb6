import winston from "winston";
import type { LogFields, Logger } from "./logger.ts";
import { redact } from "./redact.ts";

/** What a line's level is to journald. */
const priorities = { error: 3, warn: 4, info: 6, debug: 7 } as const;

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  readonly level: keyof typeof priorities;
  /** Puts `<N>` before each line, as journald reads it. */
  readonly withPriority: boolean;
}

/** The daemon's logger: one JSON line per event on stdout, redacted, with time, level and event first. */
export function createLogger(options: LoggerOptions): Logger {
  const line = winston.format.printf((info) => {
    const { level, message, fields } = info;
    const text = JSON.stringify({
      time: new Date().toISOString(),
      level,
      event: message,
      ...(fields as Record<string, unknown>),
    });
    return options.withPriority
      ? `<${priorities[level as keyof typeof priorities]}>${text}`
      : text;
  });
  const sink = winston.createLogger({
    levels: priorities,
    level: options.level,
    format: line,
    transports: [new winston.transports.Console()],
  });
  return loggerOn(sink, {});
}

function loggerOn(sink: winston.Logger, scope: LogFields): Logger {
  const write =
    (level: keyof typeof priorities) =>
    (event: string, fields: LogFields = {}): void => {
      // Kept apart: winston takes fields called `level` and `message` for its own.
      sink.log({
        level,
        message: event,
        fields: redact({ ...scope, ...fields }),
      });
    };
  return {
    error: write("error"),
    warn: write("warn"),
    info: write("info"),
    debug: write("debug"),
    child: (fields) => loggerOn(sink, { ...scope, ...fields }),
  };
}
