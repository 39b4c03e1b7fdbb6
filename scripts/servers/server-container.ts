import { freePort } from "./free-port.ts";

/** A server in a container, on a loopback port that stays the same across restarts. */
export interface ServerContainer extends AsyncDisposable {
  readonly port: number;
  kill(signal: NodeJS.Signals): Promise<void>;
  restart(): Promise<void>;
  exec(command: readonly string[]): Promise<string>;
}

/** Runs an image with the container runtime that testcontainers finds; rejects when there is none. */
export async function startContainer(
  image: string,
  containerPort: number,
  command: readonly string[] = [],
): Promise<ServerContainer> {
  const { GenericContainer } = await import("testcontainers");
  const port = await freePort();
  const container = await new GenericContainer(image)
    .withExposedPorts({ container: containerPort, host: port })
    .withCommand([...command])
    .start();
  return {
    port,
    kill: async (signal) => {
      if (signal === "SIGSTOP" || signal === "SIGCONT") {
        throw new Error(
          `${signal} needs a server process: install the server on this machine`,
        );
      }
      await container.stop({ remove: false, timeout: 0 });
    },
    restart: async () => {
      await container.restart({ timeout: 0 });
    },
    exec: async (words) => {
      const { exitCode, output } = await container.exec([...words]);
      if (exitCode !== 0) {
        throw new Error(`${words.join(" ")}: ${output}`);
      }
      return output;
    },
    [Symbol.asyncDispose]: async () => {
      await container.stop();
    },
  };
}
