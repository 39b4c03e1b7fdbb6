import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createServer } from "node:tls";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  closeConnection,
  openConnection,
} from "../../daemon/consumers/amqp-connect.ts";
import { parseAmqpUrl } from "../../daemon/consumers/amqp-endpoint.ts";
import { useRabbitmq } from "../helpers/use-rabbitmq.ts";

const run = promisify(execFile);

/** A certificate for 127.0.0.1 that is its own authority. */
async function makeCertificate(folder: string, name: string) {
  const [key, cert] = [`${name}.key`, `${name}.pem`].map((file) =>
    path.join(folder, file),
  ) as [string, string];
  await run("openssl", [
    ..."req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test".split(" "),
    ..."-addext subjectAltName=IP:127.0.0.1 -keyout".split(" "),
    key,
    "-out",
    cert,
  ]);
  return { key: await readFile(key), cert: await readFile(cert), file: cert };
}

describe("openConnection with TLS", () => {
  const broker = useRabbitmq();
  let folder = "";
  let port = 0;
  let close = async () => {};
  let trusted = "";
  let other = "";

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "ivc-tls-"));
    const ours = await makeCertificate(folder, "ours");
    trusted = ours.file;
    other = (await makeCertificate(folder, "other")).file;
    const upstream = new URL(broker.url);
    const server = createServer(ours, (socket) => {
      const plain = connect(Number(upstream.port), upstream.hostname);
      socket.on("error", () => plain.destroy());
      plain.on("error", () => socket.destroy());
      socket.pipe(plain).pipe(socket);
    });
    server.on("tlsClientError", () => {});
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ({ port } = server.address() as AddressInfo);
    close = async () => {
      server.close();
      await once(server, "close");
    };
  });
  afterAll(async () => {
    await close();
    await rm(folder, { recursive: true, force: true });
  });

  const open = async (caFile: string | null) => {
    const url = new URL(broker.url);
    const address = `amqps://guest:guest@127.0.0.1:${port}${url.pathname}`;
    const [endpoint] = parseAmqpUrl(address, { caFile });
    return await openConnection(endpoint!, { name: "test" });
  };

  it("accepts a broker of the given authority", async () => {
    const connection = await open(trusted);
    const channel = await connection.createChannel();
    await expect(
      channel.assertQueue("", { exclusive: true }),
    ).resolves.toBeDefined();
    await closeConnection(connection);
  });

  it.each([
    ["another authority", () => other],
    ["the system's authorities", () => null],
  ])("refuses one that %s does not know", async (_name, caFile) => {
    await expect(open(caFile())).rejects.toMatchObject({
      code: "AMQP_CONNECT",
      message: expect.stringMatching(/with TLS.*certificate/iu),
    });
  });
});
