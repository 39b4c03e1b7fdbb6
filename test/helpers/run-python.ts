import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const python = "/usr/bin/python3";
const run = promisify(execFile);

/** True where Debian's oslo.messaging is installed. */
export const hasOslo = existsSync(
  "/usr/lib/python3/dist-packages/oslo_messaging/__init__.py",
);

/** Path of a script beside this file. */
export function helperScript(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** Answer of `oslo_call.py`. */
export interface OsloAnswer {
  readonly result?: unknown;
  readonly error?: {
    readonly kind: "remote" | "local";
    readonly class: string;
    readonly message: string;
  };
  readonly heartbeats: number;
}

/** Calls or casts with the real oslo.messaging. */
export async function osloCall(
  target: {
    readonly url: string;
    readonly exchange: string;
    readonly topic: string;
  },
  kind: "call" | "cast" | "fanout",
  method: string,
  /** A string is JSON as it is to be sent, for what JavaScript cannot write. */
  args: Readonly<Record<string, unknown>> | string,
  ...options: string[]
): Promise<OsloAnswer> {
  const { stdout } = await run(python, [
    helperScript("oslo_call.py"),
    kind,
    method,
    typeof args === "string" ? args : JSON.stringify(args),
    "--url",
    target.url,
    "--exchange",
    target.exchange,
    "--topic",
    target.topic,
    ...options,
  ]);
  return JSON.parse(stdout) as OsloAnswer;
}
