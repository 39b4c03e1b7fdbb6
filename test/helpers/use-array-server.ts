import { afterAll, afterEach, beforeAll, beforeEach } from "@jest/globals";
import type { ArrayClient } from "../../daemon/backends/flash-array/array-client.ts";
import {
  type ArrayClientOptions,
  openArrayClient,
} from "../../daemon/backends/flash-array/open-array-client.ts";
import { ArrayServer, goodApiToken } from "./array-server.ts";
import { type Certificate, makeCertificate } from "./make-certificate.ts";
import { type LogLine, recordingLogger } from "./recording-logger.ts";
import { tempFolder } from "./temp-folder.ts";

type Report = Parameters<NonNullable<ArrayClientOptions["onCall"]>>[0];

/** An {@link ArrayServer} of this test's own, and clients that are closed after it. */
export interface ArrayRig {
  readonly server: ArrayServer;
  readonly certificate: Certificate;
  readonly lines: readonly LogLine[];
  readonly reports: readonly Report[];
  readonly logins: number;
  /** Options of a client that trusts the server. */
  options(other?: Partial<ArrayClientOptions>): ArrayClientOptions;
  open(other?: Partial<ArrayClientOptions>): Promise<ArrayClient>;
}

/** Gives each test of a file a server. */
export function useArrayServer(): ArrayRig {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let certificate: Certificate;
  let server: ArrayServer;
  let clients: ArrayClient[] = [];
  let log = recordingLogger();
  let reports: Report[] = [];
  let logins = 0;
  beforeAll(async () => {
    folder = await tempFolder();
    certificate = await makeCertificate(
      folder.path,
      "array",
      "IP:127.0.0.1,IP:::1",
    );
  });
  beforeEach(async () => {
    server = await ArrayServer.open(certificate);
    clients = [];
    log = recordingLogger();
    reports = [];
    logins = 0;
  });
  afterEach(async () => {
    await Promise.all(
      clients.map(async (client) => {
        await client[Symbol.asyncDispose]();
      }),
    );
    await server[Symbol.asyncDispose]();
  });
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
  });
  const options = (other: Partial<ArrayClientOptions> = {}) => ({
    address: server.address,
    apiToken: goodApiToken,
    trust: { kind: "ca" as const, pem: certificate.cert },
    restVersion: null,
    userAgent: "image-volume-cache/0 (test)",
    requestTimeoutMs: 5000,
    outageMs: 1500,
    busyMs: 3000,
    logger: log.logger,
    onCall: (report: Report) => void reports.push(report),
    onLogin: () => {
      logins += 1;
    },
    ...other,
  });
  return {
    get server() {
      return server;
    },
    get certificate() {
      return certificate;
    },
    get lines() {
      return log.lines;
    },
    get reports() {
      return reports;
    },
    get logins() {
      return logins;
    },
    options,
    open: async (other) => {
      const client = await openArrayClient(options(other));
      clients.push(client);
      return client;
    },
  };
}
