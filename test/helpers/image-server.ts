import {
  createServer,
  type IncomingMessage,
  type RequestListener,
} from "node:http";
import type { AddressInfo } from "node:net";

/** A web server in this process that does what `answer` says at the moment. */
export interface ImageServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  readonly requests: IncomingMessage[];
  answer: RequestListener;
}

/** Starts one. It serves nothing until `answer` is set. */
export async function startImageServer(): Promise<ImageServer> {
  const requests: IncomingMessage[] = [];
  const http = createServer((request, response) => {
    requests.push(request);
    // Which faults come here from a client that goes away is not the test's business.
    response.on("error", () => {});
    server.answer(request, response);
  });
  await new Promise<void>((resolve) => {
    http.listen(0, "127.0.0.1", resolve);
  });
  const { port } = http.address() as AddressInfo;
  const server: ImageServer = {
    origin: `http://127.0.0.1:${port}`,
    requests,
    answer: (_, response) => {
      response.writeHead(404).end();
    },
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => {
        http.close(resolve);
      });
    },
  };
  return server;
}
