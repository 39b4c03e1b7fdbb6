import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

// Below the kernel's usual range for outgoing connections, so that nobody is given the port by chance meanwhile.
const lowestPort = 16_384;
const highestPort = 32_000;

async function isFree(address: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host: address, exclusive: true });
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** A port of a local address that nobody listens on and that no outgoing connection will be given. */
export async function freePort(address: string): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = randomInt(lowestPort, highestPort);
    if (await isFree(address, port)) {
      return port;
    }
  }
  throw new Error(
    `no free port between ${lowestPort} and ${highestPort} on ${address}: is it an address of this machine?`,
  );
}
