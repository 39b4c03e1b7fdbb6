import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { tempFolder } from "../helpers/temp-folder.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** A file of the daemon, what it imports, and whether the floors allow that. */
const imports: readonly (readonly [string, string, boolean])[] = [
  // core
  ["flows/x.ts", "../consumers/rpc-server.ts", false],
  ["flows/x.ts", "../consumers/handlers/all-handlers.ts", false],
  ["cache/x.ts", "../telemetry/metrics.ts", false],
  ["jobs/x.ts", "../redis/keys.ts", false],
  ["flows/x.ts", "../imagesync/download.ts", false],
  ["flows/x.ts", "../backends/file/file-backend.ts", false],
  ["flows/x.ts", "../settings/schema.ts", false],
  ["flows/x.ts", "../daemon.ts", false],
  ["flows/x.ts", "../http/status-server.ts", false],
  ["flows/x.ts", "ioredis", false],
  ["flows/x.ts", "got/dist/source/index.js", false],
  ["flows/x.ts", "zod", false],
  ["flows/x.ts", "p-queue", true],
  ["flows/x.ts", "../imagesync/image-copier.ts", true],
  ["flows/x.ts", "../backends/volume-backend.ts", true],
  ["cache/x.ts", "../jobs/hints.ts", true],
  // adapters
  ["consumers/x.ts", "../redis/keys.ts", false],
  ["consumers/x.ts", "../telemetry/metrics.ts", false],
  ["consumers/x.ts", "ioredis/built/Redis.js", false],
  ["consumers/handlers/x.ts", "../../redis/keys.ts", false],
  ["consumers/handlers/x.ts", "../rpc-request.ts", true],
  ["consumers/x.ts", "amqplib", true],
  ["redis/x.ts", "../consumers/handlers/all-handlers.ts", false],
  ["redis/x.ts", "../imagesync/download.ts", false],
  ["redis/x.ts", "amqplib", false],
  ["redis/x.ts", "ioredis", true],
  ["imagesync/x.ts", "../telemetry/metrics.ts", false],
  ["imagesync/x.ts", "got", true],
  ["imagesync/glance/x.ts", "../web/web-source.ts", false],
  ["imagesync/web/x.ts", "../glance/glance-source.ts", false],
  ["imagesync/web/x.ts", "../download.ts", true],
  ["backends/x.ts", "./file/file-backend.ts", false],
  ["backends/x.ts", "ioredis", false],
  ["backends/file/x.ts", "../other/backend.ts", false],
  ["backends/file/x.ts", "got", false],
  ["backends/file/x.ts", "../volume-backend.ts", true],
  ["backends/file/x.ts", "../flash-array/session.ts", false],
  ["backends/flash-array/x.ts", "../file/file-backend.ts", false],
  ["backends/flash-array/x.ts", "../backend-registry.ts", false],
  ["backends/flash-array/x.ts", "../../imagesync/http-client.ts", false],
  ["backends/flash-array/x.ts", "../../imagesync/image-copier.ts", false],
  ["backends/flash-array/x.ts", "../../flows/limiter.ts", false],
  ["backends/flash-array/x.ts", "../../settings.ts", false],
  ["backends/flash-array/x.ts", "../../../simulator/version.ts", false],
  ["backends/flash-array/x.ts", "ioredis", false],
  ["backends/flash-array/x.ts", "prom-client", false],
  ["backends/flash-array/x.ts", "got", true],
  ["backends/flash-array/x.ts", "p-queue", true],
  ["backends/flash-array/x.ts", "zod", true],
  ["backends/flash-array/x.ts", "node:tls", true],
  ["backends/flash-array/x.ts", "./session.ts", true],
  ["backends/flash-array/x.ts", "../volume-backend.ts", true],
  ["backends/flash-array/x.ts", "../../errors.ts", true],
  ["backends/flash-array/x.ts", "../../logger.ts", true],
  ["backends/flash-array/x.ts", "../../redact.ts", true],
  ["backends/flash-array/x.ts", "../../volume.ts", true],
  ["http/x.ts", "../telemetry/metrics.ts", false],
  ["telemetry/x.ts", "../http/status-server.ts", false],
  ["telemetry/x.ts", "prom-client", true],
  ["settings/x.ts", "../redis/keys.ts", false],
  // ports and words
  ["jobs/job-store.ts", "./job-runner.ts", false],
  ["cache/cache-store.ts", "../flows/limiter.ts", false],
  ["cache/cache-store.ts", "../jobs/outbox.ts", true],
  ["volume.ts", "./cache/cache-entry.ts", false],
  ["errors.ts", "zod", false],
  ["jobs/job.ts", "../image.ts", true],
  // root
  ["daemon.ts", "ioredis", false],
  ["daemon.ts", "./redis/connection.ts", true],
  ["winston-logger.ts", "winston", true],
  // the simulator and the rest
  ["flows/x.ts", "../../simulator/version.ts", false],
  ["settings.ts", "../simulator/version.ts", false],
  ["main.ts", "../simulator/main.ts", false],
  ["consumers/handlers/x.ts", "../../../simulator/clock.ts", false],
  ["../cli/x.ts", "../simulator/simulator.ts", false],
  ["../simulator/x.ts", "../daemon/errors.ts", false],
  ["../simulator/x.ts", "../cli/program.ts", false],
  ["../simulator/x.ts", "../scripts/xfs.ts", false],
  ["../simulator/rest/x.ts", "../../daemon/logger.ts", false],
  ["../simulator/rest/x.ts", "got", false],
  ["../simulator/rest/x.ts", "node:https", true],
  ["../simulator/rest/x.ts", "../version.ts", true],
];

async function restrictedIn(folder: string): Promise<ReadonlySet<string>> {
  const { promise, resolve } = Promise.withResolvers<string>();
  execFile(
    join(repository, "node_modules/.bin/oxlint"),
    ["--format", "json", "."],
    { cwd: folder, maxBuffer: 16 * 1024 ** 2 },
    (_error, stdout) => {
      resolve(stdout);
    },
  );
  const { diagnostics } = JSON.parse(await promise) as {
    diagnostics: readonly {
      readonly code: string;
      readonly filename: string;
    }[];
  };
  return new Set(
    diagnostics
      .filter(({ code }) => code.includes("no-restricted-imports"))
      .map(({ filename }) => filename.replace(/^\.\//, "")),
  );
}

describe("the linter", () => {
  it("enforces the floors: imports go down only, and each library has one adapter", async () => {
    await using temp = await tempFolder();
    const config = JSON.parse(
      await readFile(join(repository, ".oxlintrc.json"), "utf8"),
    ) as Record<string, unknown>;
    const cases = imports.map(([file, from, isAllowed], index) => ({
      root: `case-${index}`,
      file: join(`case-${index}/daemon`, file),
      from,
      isAllowed,
    }));
    for (const { root, file, from } of cases) {
      const path = join(temp.path, file);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `import "${from}";\n`);
      await writeFile(
        join(temp.path, root, ".oxlintrc.json"),
        JSON.stringify({ ...config, options: {} }),
      );
    }
    const restricted = await restrictedIn(temp.path);
    const wrong = cases.filter(
      ({ file, isAllowed }) => restricted.has(file) === isAllowed,
    );
    expect(wrong.map(({ file, from }) => `${file} imports ${from}`)).toEqual(
      [],
    );
  });
});
