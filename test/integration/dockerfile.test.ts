import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { freePort } from "../../scripts/servers/free-port.ts";
import { dockerSteps, execForm } from "../helpers/dockerfile.ts";
import type { DockerStep } from "../helpers/dockerfile.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { useRabbitmq } from "../helpers/use-rabbitmq.ts";
import { useRedis } from "../helpers/use-redis.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));
const inImage = "/opt/image-volume-cache";

// Builds and runs what the Dockerfile says, step by step and without a container engine: the same files, the same
// `npm ci`, the same command, environment and health check.
describe("Dockerfile", () => {
  const redis = useRedis();
  const rabbitmq = useRabbitmq();
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let image: string;
  let steps: DockerStep[];
  const last = (instruction: string) =>
    steps.findLast((step) => step.instruction === instruction)?.args ?? "";

  beforeAll(async () => {
    folder = await tempFolder();
    steps = dockerSteps(await readFile(path.join(root, "Dockerfile"), "utf8"));
    const stages = [path.join(folder.path, "0"), path.join(folder.path, "1")];
    for (const step of steps) {
      await follow(step, stages);
    }
    image = stages[1] ?? "";
  }, 180_000);
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
  });

  const here = (text: string) => text.replaceAll(inImage, image);
  const environment = (
    more: Record<string, string> = {},
  ): Record<string, string> => {
    const variables: Record<string, string> = {};
    for (const [, name = "", value = ""] of last("ENV").matchAll(
      /(\S+?)=(\S+)/g,
    )) {
      variables[name] = here(value);
    }
    return {
      ...variables,
      // The image's own Node: the one of this run, and nothing beside it but the system's tools.
      PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin:/usr/sbin:/sbin`,
      NODE_CONFIG_DIR: path.join(image, "config"),
      ...more,
    };
  };

  it("ends as another user than root, with commands in exec form", () => {
    expect(last("USER")).toBe("node");
    expect(execForm(last("CMD"))).toEqual([`${inImage}/bin/ivcd`]);
    expect(last("HEALTHCHECK")).toMatch(/CMD \["node", /);
  });

  it("copies only what .dockerignore lets through", async () => {
    const ignore = await readFile(path.join(root, ".dockerignore"), "utf8");
    const sources = steps
      .filter(
        ({ instruction, args }) =>
          instruction === "COPY" && !args.startsWith("--from"),
      )
      .flatMap(({ args }) => args.split(" ").slice(0, -1));
    const missing = sources.filter((each) => !ignore.includes(`!${each}\n`));
    expect(missing).toEqual([]);
  });

  it("refuses wrong settings with exit code 78 and names them", async () => {
    const [command = ""] = execForm(here(last("CMD")));
    const started = run(command, [], {
      env: environment({ IVC_REDIS_URL: "nonsense" }),
    });
    await expect(started).rejects.toMatchObject({
      code: 78,
      stderr: expect.stringContaining("redis.url"),
    });
  });

  it("serves, is healthy, and ends on SIGTERM", async () => {
    const [command = ""] = execForm(here(last("CMD")));
    const volumes = path.join(folder.path, "volumes");
    await mkdir(volumes);
    const env = environment({
      IVC_REDIS_URL: redis.url,
      IVC_AMQP_URL: rabbitmq.url,
      IVC_FILE_ROOT: volumes,
      IVC_HTTP_PORT: String(await freePort()),
    });
    const daemon = spawn(command, [], { env, stdio: "ignore" });
    const exited = once(daemon, "exit");
    try {
      await untilHealthy(last("HEALTHCHECK"), env);
    } finally {
      daemon.kill("SIGTERM");
    }
    await expect(exited).resolves.toEqual([0, null]);
  });
});

async function follow(
  { stage, instruction, args }: DockerStep,
  stages: readonly string[],
): Promise<void> {
  const target = stages[stage] ?? "";
  if (instruction === "WORKDIR") {
    await mkdir(target, { recursive: true });
  }
  if (instruction === "RUN" && args.startsWith("npm ")) {
    const [npm = "", ...words] = args.split(" ");
    await run(npm, [...words, "--prefer-offline"], { cwd: target });
  }
  if (instruction === "COPY") {
    await copy(args.split(" "), target, stages[0] ?? "");
  }
}

async function copy(
  words: string[],
  target: string,
  firstStage: string,
): Promise<void> {
  const isFromStage = words[0]?.startsWith("--from=") === true;
  const to = words.pop() ?? "";
  for (const word of isFromStage ? words.slice(1) : words) {
    const from = isFromStage
      ? path.join(firstStage, path.relative(inImage, word))
      : path.join(root, word);
    const into = to.endsWith("/") ? path.join(to, word) : to;
    await cp(from, path.join(target, into), { recursive: true });
  }
}

async function untilHealthy(
  check: string,
  env: Record<string, string>,
): Promise<void> {
  const [node = "", ...args] = execForm(check.slice(check.indexOf("[")));
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      await run(node, args, { env });
      return;
    } catch (error) {
      if (Date.now() > deadline) {
        throw error;
      }
      await delay(200);
    }
  }
}
