import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { WebSource } from "../../../daemon/imagesync/web/web-source.ts";
import { type CopyBench, makeCopyBench } from "../../helpers/copy-bench.ts";
import { accessOf, unhurried } from "../../helpers/image-requests.ts";

describe("A source with TLS", () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-length": 3 }).end();
  });
  let bench: CopyBench;
  let ca: string;
  beforeAll(async () => {
    bench = await makeCopyBench();
    const request =
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -addext subjectAltName=DNS:localhost -keyout";
    execFileSync(
      "openssl",
      [...request.split(" "), bench.path("key"), "-out", bench.path("cert")],
      { stdio: "ignore" },
    );
    ca = await readFile(bench.path("cert"), "utf8");
    server.setSecureContext({
      cert: ca,
      key: await readFile(bench.path("key")),
    });
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await bench[Symbol.asyncDispose]();
  });

  async function sizeFrom(name: string, authority?: string) {
    const { port } = server.address() as AddressInfo;
    const host = `${name}:${port}`;
    using source = new WebSource({
      allowedUrls: [host],
      ...(authority !== undefined && { ca: authority }),
    });
    const meta = await source.describe(
      {
        kind: "url",
        url: `https://${host}/a`,
        diskFormat: "raw",
        checksum: null,
      },
      accessOf(),
      unhurried,
    );
    return meta.sizeBytes;
  }

  it("is read when its authority is trusted", async () => {
    expect(await sizeFrom("localhost", ca)).toBe(3);
  });

  it("is refused when its authority is unknown, or its name is another", async () => {
    const refused = { code: "SOURCE_TLS", retry: "never" };
    await expect(sizeFrom("localhost")).rejects.toMatchObject(refused);
    await expect(sizeFrom("127.0.0.1", ca)).rejects.toMatchObject(refused);
  });
});
