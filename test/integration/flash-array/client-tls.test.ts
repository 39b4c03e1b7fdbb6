import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { z } from "zod";
import { openArrayClient } from "../../../daemon/backends/flash-array/open-array-client.ts";
import type { TlsTrust } from "../../../daemon/backends/flash-array/tls-trust.ts";
import type { BackendError } from "../../../daemon/errors.ts";
import { ArrayServer, json } from "../../helpers/array-server.ts";
import { eventually } from "../../helpers/eventually.ts";
import {
  type Certificate,
  makeCertificate,
} from "../../helpers/make-certificate.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { useArrayServer } from "../../helpers/use-array-server.ts";

const never = { signal: new AbortController().signal };

describe("an array client over TLS", () => {
  const rig = useArrayServer();
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let elsewhere: Certificate;
  beforeAll(async () => {
    folder = await tempFolder();
    elsewhere = await makeCertificate(
      folder.path,
      "elsewhere",
      "DNS:array.example.com",
    );
  });
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
  });

  /** What opening fails with, and what the server got of it. */
  const refusalOf = async (server: ArrayServer, trust: TlsTrust) => {
    const startMs = performance.now();
    const error = await rig
      .open({ address: server.address, trust, outageMs: 20_000 })
      .then(
        () => null,
        (each: unknown) => each as BackendError,
      );
    return {
      code: error?.code,
      message: error?.message,
      // A wrong certificate does not become right, so nobody waits for that.
      isSoon: performance.now() - startMs < 5000,
      requests: server.requests.length,
    };
  };
  const refusal = (says: RegExp) => ({
    code: "ARRAY_UNTRUSTED",
    message: expect.stringMatching(says),
    isSoon: true,
    requests: 0,
  });

  it("refuses an authority that is not the configured one", async () => {
    expect(
      await refusalOf(rig.server, { kind: "ca", pem: elsewhere.cert }),
    ).toEqual(refusal(/self-signed|certificate/i));
  });

  it("refuses a self-signed array when only the system's authorities count", async () => {
    expect(await refusalOf(rig.server, { kind: "system" })).toEqual(
      refusal(/self-signed/i),
    );
  });

  it("refuses a certificate of the right authority for another name", async () => {
    await using server = await ArrayServer.open(elsewhere);
    expect(
      await refusalOf(server, { kind: "ca", pem: elsewhere.cert }),
    ).toEqual(refusal(/ERR_TLS_CERT_ALTNAME_INVALID/));
  });

  it("takes a pinned certificate whatever its name, written with or without colons", async () => {
    await using server = await ArrayServer.open(elsewhere);
    for (const sha256 of [
      elsewhere.fingerprint,
      elsewhere.fingerprint.replaceAll(":", "").toLowerCase(),
    ]) {
      const client = await rig.open({
        address: server.address,
        trust: { kind: "fingerprint", sha256 },
      });
      await expect(
        client.list("volumes", {}, z.unknown(), never),
      ).resolves.toEqual([]);
      await client[Symbol.asyncDispose]();
    }
  });

  it("sends not a byte to an array with another fingerprint, on none of many connections", async () => {
    const refusals = await Promise.all(
      Array.from(
        { length: 10 },
        async () =>
          await refusalOf(rig.server, {
            kind: "fingerprint",
            sha256: elsewhere.fingerprint,
          }),
      ),
    );
    expect(refusals).toEqual(
      refusals.map(() =>
        refusal(/SHA-256 fingerprint .* not the configured one/),
      ),
    );
    expect(rig.server.requests).toEqual([]);
  });

  it("gives an array with another fingerprint nothing to read once it has shaken hands", async () => {
    let handshakes = 0;
    let bytes = 0;
    const server = createTlsServer(rig.certificate, (socket) => {
      handshakes += 1;
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        bytes += chunk.length;
      });
    });
    server.on("tlsClientError", () => {
      handshakes += 1;
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      await expect(
        rig.open({
          address: `127.0.0.1:${port}`,
          trust: { kind: "fingerprint", sha256: elsewhere.fingerprint },
        }),
      ).rejects.toMatchObject({ code: "ARRAY_UNTRUSTED" });
      await eventually("the server saw it", () => handshakes === 1);
    } finally {
      server.close();
      await once(server, "close");
    }
    expect(bytes).toBe(0);
  });

  it("looks at the fingerprint of each connection, not only at the first", async () => {
    const trust = {
      kind: "fingerprint",
      sha256: rig.certificate.fingerprint,
    } as const;
    const client = await rig.open({ trust });
    const { port } = rig.server;
    rig.server.cue("GET hosts", json(200, {}, { connection: "close" }));
    await client.list("hosts", {}, z.unknown(), never);
    await eventually(
      "no connection is kept",
      () => rig.server.connections === 0,
    );
    await rig.server[Symbol.asyncDispose]();
    await using impostor = await ArrayServer.open(elsewhere, { port });
    await expect(
      client.write(
        { method: "POST", path: "volumes", query: {} },
        z.unknown(),
        never,
      ),
    ).rejects.toMatchObject({ code: "ARRAY_UNTRUSTED" });
    await client[Symbol.asyncDispose]();
    expect(impostor.requests).toEqual([]);
  });

  it("refuses a fingerprint that is none", async () => {
    await expect(
      rig.open({ trust: { kind: "fingerprint", sha256: "AB:CD" } }),
    ).rejects.toMatchObject({ code: "ARRAY_TRUST", retry: "never" });
  });

  it("that is insecure takes every certificate, and warns once", async () => {
    await using server = await ArrayServer.open(elsewhere);
    const client = await rig.open({
      address: server.address,
      trust: { kind: "insecure" },
    });
    await client.list("volumes", {}, z.unknown(), never);
    await client[Symbol.asyncDispose]();
    expect(rig.lines.filter(({ level }) => level === "warn")).toMatchObject([
      { event: expect.stringContaining("certificate") },
    ]);
  });

  it("uses no proxy of the environment", async () => {
    const names = ["HTTPS_PROXY", "https_proxy", "NODE_USE_ENV_PROXY"] as const;
    const before = names.map((name) => process.env[name]);
    let proxied = 0;
    const proxy = createServer((socket) => {
      proxied += 1;
      socket.destroy();
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    try {
      [url, url, "1"].forEach((value, index) => {
        process.env[names[index]!] = value;
      });
      await rig.open();
    } finally {
      names.forEach((name, index) => {
        const value = before[index];
        if (value === undefined) {
          delete process.env[name];
        } else {
          process.env[name] = value;
        }
      });
      proxy.close();
    }
    expect(proxied).toBe(0);
    expect(rig.logins).toBe(1);
  });

  it("reaches an IPv6 address in brackets", async () => {
    await using server = await ArrayServer.open(rig.certificate, {
      host: "::1",
    });
    await rig.open({ address: `[::1]:${server.port}` });
    expect(server.calls("POST login")).toHaveLength(1);
  });

  it("gives up on an array that takes connections and never shakes hands", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    try {
      await expect(
        rig.open({
          address: `127.0.0.1:${port}`,
          requestTimeoutMs: 200,
          outageMs: 500,
        }),
      ).rejects.toMatchObject({ code: "ARRAY_UNREACHABLE" });
    } finally {
      silent.close();
    }
  });

  it("ends a call during the handshake when it is aborted", async () => {
    let connections = 0;
    let closed = 0;
    const silent = createServer((socket) => {
      connections += 1;
      socket.on("error", () => {}).on("close", () => (closed += 1));
      socket.resume();
    }).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    try {
      const abort = new AbortController();
      const opening = openArrayClient(
        rig.options({ address: `127.0.0.1:${port}` }),
        abort,
      );
      await eventually("it is connected", () => connections === 1);
      abort.abort(new Error("enough"));
      const startMs = performance.now();
      await expect(opening).rejects.toThrow("enough");
      expect(performance.now() - startMs).toBeLessThan(1000);
      await eventually("the connection is closed", () => closed === 1, 1000);
    } finally {
      silent.close();
    }
  });

  it("ends a change during the handshake at once when it is aborted, since nothing has left", async () => {
    const client = await rig.open();
    const { port } = rig.server;
    rig.server.cue("GET hosts", json(200, {}, { connection: "close" }));
    await client.list("hosts", {}, z.unknown(), never);
    await eventually(
      "no connection is kept",
      () => rig.server.connections === 0,
    );
    await rig.server[Symbol.asyncDispose]();
    const sockets: Socket[] = [];
    const silent = createServer((socket) => {
      sockets.push(socket.on("error", () => {}).resume());
    }).listen(port, "127.0.0.1");
    await once(silent, "listening");
    try {
      const abort = new AbortController();
      const writing = client.write(
        { method: "POST", path: "volumes", query: {} },
        z.unknown(),
        abort,
      );
      await eventually("it is connected", () => sockets.length === 1);
      abort.abort(new Error("enough"));
      const startMs = performance.now();
      await expect(writing).rejects.toThrow("enough");
      expect(performance.now() - startMs).toBeLessThan(1000);
      expect(rig.reports.at(-1)?.outcome).toBe("aborted");
    } finally {
      silent.close();
      for (const socket of sockets) {
        socket.destroy();
      }
      await client[Symbol.asyncDispose]();
    }
  });
});
