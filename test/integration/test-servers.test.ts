import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { connect } from "amqplib";
import { z } from "zod";
import { useRabbitmq } from "../helpers/use-rabbitmq.ts";
import { useRedis } from "../helpers/use-redis.ts";

const startRedisAndDie = `
  import { ServerFolder } from "./scripts/servers/server-process.ts";
  const held = await ServerFolder.create("redis");
  const command = ["redis-server", "--port", "0", "--unixsocket", "socket"];
  const pid = await held.start("redis", { command });
  console.log(JSON.stringify({ pid, folder: held.folder }));
  await new Promise((resolve) => process.stdout.write("", resolve));
  process.kill(process.pid, "SIGKILL");
`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Also true for a process that ended and that nobody has waited for. */
async function hasEnded(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 200 && isAlive(pid); tries++) {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(
      () => "State:\tZ",
    );
    if (/^State:\t[ZX]/m.test(status)) {
      return true;
    }
    await delay(50);
  }
  return !isAlive(pid);
}

describe("ServerFolder", () => {
  it("ends its servers and removes its folder when its process is killed", async () => {
    const child = spawn(
      process.execPath,
      ["--input-type=module-typescript", "--eval", startRedisAndDie],
      {
        cwd: fileURLToPath(new URL("../../", import.meta.url)),
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const exited = once(child, "exit");
    const [line]: string[] = await Array.fromAsync(
      createInterface({ input: child.stdout }),
    );
    const { pid, folder } = z
      .object({ pid: z.number(), folder: z.string() })
      .parse(JSON.parse(line ?? ""));
    await expect(exited).resolves.toEqual([null, "SIGKILL"]);
    await expect(hasEnded(pid)).resolves.toBe(true);
    for (let tries = 0; tries < 100 && existsSync(folder); tries++) {
      await delay(50);
    }
    expect(existsSync(folder)).toBe(false);
  });
});

describe("useRabbitmq", () => {
  const broker = useRabbitmq();

  it("gives the file a vhost of its own", async () => {
    const connection = await connect(broker.url);
    const channel = await connection.createChannel();
    const { queue } = await channel.assertQueue("only-here");
    await connection.close();
    expect(queue).toBe("only-here");
    expect(await broker.ctl("list_queues", "-p", broker.vhost)).toMatch(
      /^only-here\t0$/m,
    );
  });
});

describe("useRedis", () => {
  const server = useRedis({
    appendOnly: true,
    args: ["--appendfsync", "always"],
  });

  it("keeps what was written when it is killed and started again", async () => {
    await server.redis.set("key", "kept");
    await server.server.kill("SIGKILL");
    await server.server.restart();
    await expect(server.redis.get("key")).resolves.toBe("kept");
  });

  it("is empty before each test", async () => {
    await expect(server.redis.dbsize()).resolves.toBe(0);
  });
});
