import { once } from "node:events";
import {
  type AddressInfo,
  connect,
  createServer,
  type Server,
  type Socket,
} from "node:net";

/** How a {@link NarrowPortal} misbehaves. */
export interface Narrowness {
  /** After so many bytes towards the target it holds the rest back. */
  readonly holdAfterBytes?: number;
  /** Nobody is let in after so many connections. */
  readonly connections?: number;
  /** Hears what is said to the target. */
  readonly overhear?: (bytes: Buffer) => void;
  /** Changes what the target says. */
  readonly retell?: (bytes: Buffer) => Buffer;
}

/** A portal in front of another one that stops at a chosen place. */
export class NarrowPortal implements AsyncDisposable {
  /** Fulfilled when it holds bytes back. */
  readonly held: Promise<void>;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #holding = Promise.withResolvers<void>();
  readonly #clients: Socket[] = [];
  readonly #narrowness: Narrowness;
  #bytes = 0;
  #isReleased = false;

  private constructor(server: Server, narrowness: Narrowness) {
    this.#server = server;
    this.#narrowness = narrowness;
    this.held = this.#holding.promise;
  }

  /** Opens one in front of `portal`, an `address:port`. */
  static async open(
    portal: string,
    narrowness: Narrowness,
  ): Promise<NarrowPortal> {
    const [host = "", port = ""] = portal.split(":");
    const server = createServer();
    const narrow = new NarrowPortal(server, narrowness);
    server.on("connection", (client) => {
      narrow.#join(client, connect(Number(port), host));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return narrow;
  }

  /** `address:port` */
  get portal(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `127.0.0.1:${port}`;
  }

  /** Lets all through again. */
  release(): void {
    this.#isReleased = true;
    for (const client of this.#clients) {
      client.resume();
    }
  }

  /** Breaks all connections; others may come, and are let through. */
  cut(): void {
    this.#isReleased = true;
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    if (this.#server.listening) {
      this.#server.close();
      await once(this.#server, "close");
    }
  }

  #join(client: Socket, upstream: Socket): void {
    this.#clients.push(client);
    if (this.#clients.length === this.#narrowness.connections) {
      this.#server.close();
    }
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const { retell = (bytes: Buffer) => bytes } = this.#narrowness;
    upstream.on("data", (chunk) => client.write(retell(chunk)));
    client.on("data", (chunk) => {
      this.#narrowness.overhear?.(chunk);
      upstream.write(chunk);
      this.#bytes += chunk.length;
      const limit = this.#narrowness.holdAfterBytes ?? Infinity;
      if (!this.#isReleased && this.#bytes >= limit) {
        client.pause();
        this.#holding.resolve();
      }
    });
  }
}
