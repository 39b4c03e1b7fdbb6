import { once } from "node:events";
import type { Server } from "node:net";

/** Listens on 127.0.0.1; port 0 is any free one. */
export async function listen(
  server: Server,
  port: number,
  what: string,
): Promise<void> {
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "EADDRINUSE" ? "somebody else listens there" : message;
    throw new Error(
      `cannot open port ${port} of 127.0.0.1 for ${what} (${why}); choose another one`,
      { cause: error },
    );
  }
}
