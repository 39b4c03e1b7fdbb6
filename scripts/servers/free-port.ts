import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

// Below the kernel's usual range for outgoing connections (32768 and up), so that nobody is given the port by
// chance while a server of ours is down for a restart.
const lowestPort = 16_384;
const highestPort = 32_000;

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host: "127.0.0.1", exclusive: true });
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** A loopback port that nobody listens on and that no outgoing connection will be given. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = randomInt(lowestPort, highestPort);
    if (await isFree(port)) {
      return port;
    }
  }
  throw new Error(`no free port between ${lowestPort} and ${highestPort}`);
}
