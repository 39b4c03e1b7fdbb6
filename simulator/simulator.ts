import { randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { makeCertificates } from "./certificates.ts";
import { Clock } from "./clock.ts";
import type { DataPlane } from "./data-plane/data-plane.ts";
import { FileDataPlane } from "./data-plane/file-data-plane.ts";
import { IscsiDataPlane } from "./data-plane/iscsi-data-plane.ts";
import { largestFile } from "./data-plane/largest-file.ts";
import type { Faults } from "./faults/faults.ts";
import { ArrayModel } from "./model/array-model.ts";
import {
  type ArraySettings,
  defaultArraySettings,
} from "./model/array-settings.ts";
import { ownFolder } from "./own-folder.ts";
import { allEndpoints } from "./resources/all-endpoints.ts";
import type { RequestLog } from "./rest/request-log.ts";
import { RestServer } from "./rest/rest-server.ts";
import type { Sessions } from "./rest/sessions.ts";
import type { Version } from "./version.ts";

/** How an array is simulated; everything has a default. */
export interface SimulatorOptions {
  /** Exactly these, oldest first; otherwise all from 2.0 to `newest`. */
  readonly versions?: readonly Version[];
  /** Default 2.26. */
  readonly newest?: Version;
  /** Default a random UUID. */
  readonly apiToken?: string;
  /** A folder of its own is made in it, and removed at the end; default the system's for temporary files. */
  readonly folder?: string;
  /** Default `file`. */
  readonly dataPlane?: DataPlane["kind"];
  /** Addresses of the iSCSI portals. */
  readonly addresses?: readonly string[];
  /** 0, the default: any free one. */
  readonly port?: number;
  readonly settings?: Partial<ArraySettings>;
}

/** A FlashArray in this process: its REST interface over HTTPS on 127.0.0.1, and everything a test wants to turn. */
export class Simulator implements AsyncDisposable {
  readonly apiToken: string;
  /** PEM of the authority of its certificate. */
  readonly caFile: string;
  /** SHA-256 of its certificate. */
  readonly fingerprint: string;
  readonly clock: Clock;
  readonly model: ArrayModel;
  readonly dataPlane: DataPlane;
  readonly #server: RestServer;
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: Parts, stack: AsyncDisposableStack) {
    this.apiToken = parts.apiToken;
    this.caFile = parts.caFile;
    this.fingerprint = parts.fingerprint;
    this.clock = parts.clock;
    this.model = parts.model;
    this.dataPlane = parts.dataPlane;
    this.#server = parts.server;
    this.#stack = stack;
  }

  /** Starts one; disposing it leaves nothing behind. */
  static async start(options: SimulatorOptions = {}): Promise<Simulator> {
    await using stack = new AsyncDisposableStack();
    const parts = await startParts(options, stack);
    return new Simulator(parts, stack.move());
  }

  /** Without a slash at its end. */
  get url(): string {
    return this.#server.url;
  }

  /** The newest REST version it serves. */
  get newest(): Version {
    return this.#server.versions.at(-1) ?? "2.0";
  }

  get faults(): Faults {
    return this.#server.faults;
  }

  get log(): RequestLog {
    return this.#server.log;
  }

  get sessions(): Sessions {
    return this.#server.sessions;
  }

  /** The newest REST version from now on, as after an upgrade of the array. */
  setNewest(newest: Version): void {
    this.#server.setVersions(versionsUpTo(newest));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

interface Parts {
  readonly apiToken: string;
  readonly caFile: string;
  readonly fingerprint: string;
  readonly clock: Clock;
  readonly model: ArrayModel;
  readonly dataPlane: DataPlane;
  readonly server: RestServer;
}

async function startParts(
  options: SimulatorOptions,
  stack: AsyncDisposableStack,
): Promise<Parts> {
  const folder = await ownFolder(options.folder ?? tmpdir());
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const certificates = await makeCertificates(folder);
  const clock = new Clock();
  const apiToken = options.apiToken ?? randomUUID();
  const dataPlane = stack.use(await startDataPlane(folder, options));
  const model = await ArrayModel.create({
    clock,
    dataPlane,
    settings: {
      maxVolumeSizeBytes: await largestFile(
        folder,
        defaultArraySettings().maxVolumeSizeBytes,
      ),
      ...options.settings,
    },
  });
  const server = stack.use(
    await RestServer.start({
      endpoints: allEndpoints(model),
      clock,
      settings: model.settings,
      apiVersions: options.versions ?? versionsUpTo(options.newest ?? "2.26"),
      apiToken,
      certificates,
      port: options.port ?? 0,
    }),
  );
  const { caFile, fingerprint } = certificates;
  return { apiToken, caFile, fingerprint, clock, model, dataPlane, server };
}

async function startDataPlane(
  parent: string,
  { dataPlane, addresses }: SimulatorOptions,
): Promise<DataPlane> {
  const folder = path.join(parent, "volumes");
  await mkdir(folder);
  return dataPlane === "iscsi"
    ? await IscsiDataPlane.create({
        folder,
        ...(addresses !== undefined && { addresses }),
      })
    : await FileDataPlane.create({ folder });
}

function versionsUpTo(newest: Version): readonly Version[] {
  const count = Number(newest.slice(2)) + 1;
  return Array.from({ length: count }, (_, minor): Version => `2.${minor}`);
}
