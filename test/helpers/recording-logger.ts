import type { LogFields, Logger } from "../../daemon/logger.ts";

/** One line that was logged. */
export interface LogLine {
  readonly level: "error" | "warn" | "info" | "debug";
  readonly event: string;
  readonly fields: LogFields;
}

/** A logger that keeps its lines. */
export function recordingLogger(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const make = (base: LogFields): Logger => {
    const at =
      (level: LogLine["level"]) => (event: string, fields?: LogFields) =>
        void lines.push({ level, event, fields: { ...base, ...fields } });
    return {
      error: at("error"),
      warn: at("warn"),
      info: at("info"),
      debug: at("debug"),
      child: (fields) => make({ ...base, ...fields }),
    };
  };
  return { logger: make({}), lines };
}
