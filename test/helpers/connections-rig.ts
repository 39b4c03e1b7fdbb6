import { z } from "zod";
import type { ArrayClient } from "../../daemon/backends/flash-array/array-client.ts";
import {
  HostConnections,
  type HostConnectionsOptions,
} from "../../daemon/backends/flash-array/host-connections.ts";
import {
  connectionItem,
  type ConnectionItem,
  hostItem,
  type HostItem,
} from "../../daemon/backends/flash-array/host-items.ts";
import { openArrayClient } from "../../daemon/backends/flash-array/open-array-client.ts";
import type { Connector } from "../../daemon/backends/volume-backend.ts";
import { silentLogger } from "../../daemon/logger.ts";
import { Simulator, type SimulatorOptions } from "../../simulator/simulator.ts";

const volumeItem = z.object({ name: z.string(), serial: z.string() });
const anyItem = z.object({});
/** Of calls that are never aborted. */
export const options = { signal: new AbortController().signal };
/** Of the daemon on `node-1`. */
export const initiatorName = "iqn.2026-01.org.example:ivcd-node-1";

/** A volume as `HostConnections` is told of it. */
export interface RigVolume {
  readonly physicalName: string;
  readonly serial: string;
  readonly sizeBytes: number;
  readonly volumeId: string;
}

/** What os-brick tells of a host. */
export function connectorOf(number: number) {
  const digits = String(number).padStart(2, "0");
  return {
    host: `compute-${number}.example.org`,
    initiator: `iqn.1993-08.org.debian:01:c0ffee${digits}`,
    nqn: `nqn.2014-08.org.nvmexpress:uuid:c0ffee${digits}`,
    wwpns: [`50014380242d31${digits}`, `50014380242d32${digits}`],
  } satisfies Connector;
}

/** A simulated array, and daemons that connect its volumes. */
export class ConnectionsRig implements AsyncDisposable {
  readonly simulator: Simulator;
  /** For what an administrator does, and to look. */
  readonly admin: ArrayClient;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    simulator: Simulator,
    admin: ArrayClient,
    stack: AsyncDisposableStack,
  ) {
    this.simulator = simulator;
    this.admin = admin;
    this.#stack = stack;
  }

  static async start(simulated: SimulatorOptions): Promise<ConnectionsRig> {
    await using stack = new AsyncDisposableStack();
    const simulator = stack.use(await Simulator.start(simulated));
    const admin = stack.use(await openClient(simulator));
    return new ConnectionsRig(simulator, admin, stack.move());
  }

  /** A daemon of its own, with a session of its own. */
  async daemon(
    more: Partial<HostConnectionsOptions> = {},
  ): Promise<HostConnections> {
    const client = this.#stack.use(await openClient(this.simulator));
    return new HostConnections({
      client,
      node: "node-1",
      prefix: "ivc",
      protocol: "iscsi",
      chapSecret: null,
      personality: null,
      iscsiCidrs: [],
      nvmeCidrs: [],
      initiatorName,
      logger: silentLogger,
      ...more,
    });
  }

  async volume(name: string): Promise<RigVolume> {
    const sizeBytes = 1024 ** 2;
    const [made] = await this.admin.write(
      {
        method: "POST",
        path: "volumes",
        query: { names: name },
        body: { provisioned: sizeBytes },
      },
      volumeItem,
      options,
    );
    return {
      physicalName: name,
      serial: made!.serial,
      sizeBytes,
      volumeId: name,
    };
  }

  /** A change by the administrator. */
  async change(
    method: "POST" | "PATCH" | "DELETE",
    path: string,
    query: Readonly<Record<string, string>>,
    body?: object,
  ): Promise<void> {
    const write = { method, path, query, ...(body !== undefined && { body }) };
    await this.admin.write(write, anyItem, options);
  }

  async hosts(): Promise<readonly HostItem[]> {
    return await this.admin.list("hosts", {}, hostItem, options);
  }

  async hostNames(): Promise<readonly string[]> {
    return (await this.hosts()).map(({ name }) => name);
  }

  async connections(): Promise<readonly ConnectionItem[]> {
    return await this.admin.list("connections", {}, connectionItem, options);
  }

  /** How many requests of this kind were not refused. */
  done(method: string, path: string): number {
    return this.simulator.log
      .calls(method, path)
      .filter(({ status }) => status === 200).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

async function openClient({
  url,
  apiToken,
  fingerprint,
}: Simulator): Promise<ArrayClient> {
  return await openArrayClient({
    address: new URL(url).host,
    apiToken,
    trust: { kind: "fingerprint", sha256: fingerprint },
    restVersion: null,
    userAgent: "image-volume-cache-test/1 (test)",
    logger: silentLogger,
  });
}
