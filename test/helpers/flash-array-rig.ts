import { createHash } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { z } from "zod";
import type {
  ArrayClient,
  Write,
} from "../../daemon/backends/flash-array/array-client.ts";
import {
  createFlashArrayBackend,
  type FlashArrayOptions,
} from "../../daemon/backends/flash-array/create-flash-array-backend.ts";
import type { FlashArrayBackend } from "../../daemon/backends/flash-array/flash-array-backend.ts";
import { HostConnections } from "../../daemon/backends/flash-array/host-connections.ts";
import { openArrayClient } from "../../daemon/backends/flash-array/open-array-client.ts";
import type { BackendVolume } from "../../daemon/backends/volume-backend.ts";
import { silentLogger } from "../../daemon/logger.ts";
import type { LoggedRequest } from "../../simulator/rest/request-log.ts";
import { Simulator, type SimulatorOptions } from "../../simulator/simulator.ts";
import {
  BackendBench,
  type BackendUnderTest,
} from "../contract/backend-bench.ts";

type VolumeRecord = ReturnType<Simulator["model"]["volumes"]["all"]>[number];

/** Settings of a backend under test; everything has a default. */
export type RigBackendOptions = Partial<
  Omit<FlashArrayOptions, "client" | "hosts">
> & { readonly node?: string };

const options = { signal: new AbortController().signal };

/** A simulated array whose volumes are files, backends on it, and an administrator with a session of its own. */
export class FlashArrayRig implements AsyncDisposable {
  readonly simulator: Simulator;
  readonly admin: ArrayClient;
  readonly #opened: AsyncDisposableStack;

  private constructor(
    simulator: Simulator,
    admin: ArrayClient,
    opened: AsyncDisposableStack,
  ) {
    this.simulator = simulator;
    this.admin = admin;
    this.#opened = opened;
  }

  static async start(settings: SimulatorOptions = {}): Promise<FlashArrayRig> {
    await using opened = new AsyncDisposableStack();
    const simulator = opened.use(await Simulator.start(settings));
    const admin = opened.use(await openClient(simulator));
    return new FlashArrayRig(simulator, admin, opened.move());
  }

  /** A daemon's backend with a session of its own. */
  async open(settings: RigBackendOptions = {}): Promise<FlashArrayBackend> {
    const client = this.#opened.use(await openClient(this.simulator));
    const { node = "node1", ...rest } = settings;
    const prefix = rest.prefix ?? "ivc";
    const hosts = new HostConnections({
      client,
      node,
      prefix,
      protocol: "iscsi",
      chapSecret: null,
      personality: null,
      iscsiCidrs: [],
      nvmeCidrs: [],
      initiatorName: `iqn.2026-01.org.example:${node}`,
      logger: silentLogger,
    });
    return await createFlashArrayBackend(
      {
        name: "flash",
        host: `${node}@flash#pool`,
        prefix,
        volumeSuffix: "-ivc",
        pod: null,
        volumeGroup: null,
        isEradicating: false,
        defaultProtection: "array",
        qos: null,
        recordedIdentity: null,
        logger: silentLogger,
        ...rest,
        client,
        hosts,
      },
      options,
    );
  }

  /** A backend with the means to reach its bytes, which hosts cannot on this array. */
  underTest(backend: FlashArrayBackend): BackendUnderTest {
    return {
      backend,
      write: async (volume, bytes, at) => {
        await using handle = await open(this.#fileOf(volume), "r+");
        await handle.write(bytes, 0, bytes.length, at);
      },
      sha256: async (volume) =>
        createHash("sha256")
          .update(await readFile(this.#fileOf(volume)))
          .digest("hex"),
      [Symbol.asyncDispose]: async () => {
        await this[Symbol.asyncDispose]();
      },
    };
  }

  bench(backend: FlashArrayBackend): BackendBench {
    return new BackendBench(this.underTest(backend));
  }

  /** The volume of this name on the array, live or destroyed. */
  volume(name: string): VolumeRecord | undefined {
    return this.simulator.model.volumes.named(name);
  }

  /** Names of all volumes, those of destroyed ones with a `!` before them. */
  names(): string[] {
    return this.simulator.model.volumes
      .all()
      .map(({ name, expiresAtMs }) =>
        expiresAtMs === null ? name : `!${name}`,
      )
      .toSorted();
  }

  /** Tags in our namespace. */
  tags(name: string): Record<string, string> {
    const tags = this.volume(name)?.tags ?? [];
    return Object.fromEntries(
      tags
        .filter(({ namespace }) => namespace === "image-volume-cache")
        .map(({ key, value }) => [key, value]),
    );
  }

  /** What an administrator does. */
  async asAdmin(
    method: Write["method"],
    path: string,
    query: Write["query"],
    body?: unknown,
  ): Promise<void> {
    const write = {
      method,
      path,
      query,
      ...(body === undefined ? {} : { body }),
    };
    await this.admin.write(write, z.unknown(), options);
  }

  /** An administrator's own volume. */
  async foreign(name: string, provisioned = 8 * 1024 ** 2): Promise<void> {
    await this.asAdmin("POST", "volumes", { names: [name] }, { provisioned });
  }

  /** What `work` sends to the array. */
  async requestsOf(work: () => Promise<unknown>): Promise<LoggedRequest[]> {
    const mark = this.simulator.log.mark();
    await work();
    return [...this.simulator.log.since(mark)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }

  #fileOf({ providerId }: BackendVolume): string {
    const found =
      this.volume(providerId) ??
      this.volume(providerId.replace("-img-", "-tmp-"));
    return this.simulator.dataPlane.pathOf(found?.id ?? "");
  }
}

async function openClient(simulator: Simulator): Promise<ArrayClient> {
  return await openArrayClient({
    address: new URL(simulator.url).host,
    apiToken: simulator.apiToken,
    trust: { kind: "fingerprint", sha256: simulator.fingerprint },
    restVersion: null,
    userAgent: "image-volume-cache-test/0",
    outageMs: 3000,
    logger: silentLogger,
  });
}

/** `GET volumes` for each request. */
export function shortly(requests: readonly LoggedRequest[]): string[] {
  return requests.map(({ method, path }) => `${method} ${path}`);
}
