import { parseArgs } from "node:util";
import { changedImage } from "./changed-image.ts";
import { coldAndHits } from "./cold-and-hits.ts";
import { deletion, eviction, tenAtOnce } from "./crowd-and-limit.ts";
import { keepRunning } from "./keep-running.ts";
import { refusals } from "./refusals.ts";
import { checkEvents, checkVolumes, measurementTable } from "./report.ts";
import { restoredImage } from "./restored-image.ts";
import { places, setStage } from "./set-stage.ts";
import type { Stage } from "./stage.ts";

const usage = `npm run demo -- [--keep] [--backend file|flasharray]

Runs a real daemon with a real RabbitMQ, a real Redis and real images, shows what it does, and checks it.
  --keep                leave everything running afterwards and say how to go on by hand
  --backend file        volumes are files (default)
  --backend flasharray  volumes are LUNs of a simulated FlashArray, written and read by iSCSI
`;

async function play(stage: Stage): Promise<void> {
  for (const step of [
    coldAndHits,
    changedImage,
    refusals,
    tenAtOnce,
    eviction,
    restoredImage,
    deletion,
    checkVolumes,
    checkEvents,
  ]) {
    stage.signal.throwIfAborted();
    await step(stage);
  }
  stage.say(`\nbin/ivc cache list\n${await stage.ivc("cache", "list")}`);
  stage.say(`bin/ivc cache stats\n${await stage.ivc("cache", "stats")}`);
  stage.say(measurementTable(stage.measurements));
  const seconds = Math.round(performance.now() / 1000);
  const { failed } = stage.claims;
  stage.say(
    failed.length === 0
      ? `\nAll of it is so. ${seconds} s.`
      : `\nNot so:\n  ${failed.join("\n  ")}`,
  );
  process.exitCode = failed.length === 0 ? 0 : 1;
}

interface DemoOptions {
  readonly keep: boolean;
  readonly backend: keyof typeof places;
  readonly help: boolean;
}

/** Null: wrong usage. */
function demoOptions(): DemoOptions | null {
  try {
    const { values } = parseArgs({
      options: {
        keep: { type: "boolean", default: false },
        backend: { type: "string", default: "file" },
        help: { type: "boolean", default: false },
      },
    });
    const { backend } = values;
    if (!isPlace(backend)) {
      process.stderr.write(
        `demo: there is no backend ${backend}: use ${Object.keys(places).join(" or ")}\n`,
      );
      return null;
    }
    return { ...values, backend };
  } catch (error) {
    process.stderr.write(`demo: ${(error as Error).message}\n`);
    return null;
  }
}

function isPlace(backend: string): backend is keyof typeof places {
  return Object.hasOwn(places, backend);
}

async function main(): Promise<void> {
  const values = demoOptions();
  if (values === null || values.help) {
    process.stderr.write(usage);
    process.exitCode = values === null ? 2 : 0;
    return;
  }
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => interrupt.abort(new Error("interrupted")));
  }
  await using stack = new AsyncDisposableStack();
  try {
    const set = await setStage(stack, values.backend, interrupt.signal);
    await play(set.stage);
    if (values.keep) {
      await keepRunning(set);
    }
  } catch (error) {
    process.stderr.write(
      interrupt.signal.aborted
        ? "demo: interrupted; cleaning up\n"
        : `demo: ${error instanceof Error ? error.stack : String(error)}\n`,
    );
    process.exitCode = interrupt.signal.aborted ? 130 : 1;
  }
}

await main();
