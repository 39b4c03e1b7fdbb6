import { fileURLToPath } from "node:url";
import { exitCode } from "./exit-code.ts";
import { runCli } from "./run-cli.ts";

process.env["NODE_CONFIG_DIR"] ??= fileURLToPath(
  new URL("../config", import.meta.url),
);

for (const stream of [process.stdout, process.stderr]) {
  // The reader of a pipe has seen enough: `ivc events tail | head` is no failure.
  stream.on("error", (error: NodeJS.ErrnoException) =>
    process.exit(error.code === "EPIPE" ? exitCode.ok : exitCode.refused),
  );
}

const interrupt = new AbortController();
process.on("SIGINT", () => {
  if (interrupt.signal.aborted) {
    process.exit(exitCode.interrupted);
  }
  interrupt.abort();
});

process.exitCode = await runCli(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  signal: interrupt.signal,
});
if (interrupt.signal.aborted) {
  // A connection that was still being made would keep the process waiting.
  process.exit();
}
