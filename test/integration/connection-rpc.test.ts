import { once } from "node:events";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { BackendRegistry } from "../../daemon/backends/backend-registry.ts";
import type {
  Connector,
  VolumeBackend,
} from "../../daemon/backends/volume-backend.ts";
import { allHandlers } from "../../daemon/consumers/handlers/all-handlers.ts";
import { BackendError } from "../../daemon/errors.ts";
import { eventually } from "../helpers/eventually.ts";
import { type FlowRig, flowRig } from "../helpers/flow-rig.ts";
import { failureOf, useRpcBench } from "../helpers/rpc-bench.ts";

const imageId = "0b3c1a52-91d2-4c4e-a7a0-3f6a3b7d2c11";
const nobody = "5f0c6f4e-6f0a-4d52-8a3c-1b7f0b6d9a10";
const connector = {
  host: "compute-1",
  initiator: "iqn.1994-05.com.redhat:0a1b2c3d",
  nqn: "nqn.2014-08.org.nvmexpress:uuid:2a0f3c1e-5b1d-4a55-9c54-1f2e3d4c5b6a",
  wwpns: ["500a09808001C2D3", "50:0a:09:80:80:01:c2:d4"],
  ip: "10.0.0.1",
  platform: "x86_64",
  os_type: "linux",
  multipath: true,
  do_local_attach: false,
};

/** The file backend, with a list of what it was asked for; it hangs on cue. */
class WatchedBackend {
  readonly asked: (Connector | null)[] = [];
  hangs = false;
  /** Why the last one that hung was given up. */
  reason: unknown = null;
  isInUse = false;
  /** Volumes whose deletion was refused. */
  readonly refused: string[] = [];

  around(backend: VolumeBackend): VolumeBackend {
    const wait = async (signal: AbortSignal): Promise<void> => {
      if (this.hangs) {
        await once(signal, "abort");
        this.reason = signal.reason;
        signal.throwIfAborted();
      }
    };
    return new Proxy(backend, {
      get: (target, key) => {
        if (key === "initializeConnection") {
          const initialize: VolumeBackend["initializeConnection"] = async (
            volume,
            given,
            options,
          ) => {
            this.asked.push(given);
            await wait(options.signal);
            return await target.initializeConnection(volume, given, options);
          };
          return initialize;
        }
        if (key === "terminateConnection") {
          const terminate: VolumeBackend["terminateConnection"] = async (
            volume,
            given,
            options,
          ) => {
            this.asked.push(given);
            await wait(options.signal);
            await target.terminateConnection(volume, given, options);
          };
          return terminate;
        }
        if (key === "deleteVolume" && this.isInUse) {
          return async (name: string) => {
            this.refused.push(name);
            throw new BackendError("VOLUME_IN_USE", `${name} is connected`);
          };
        }
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}

describe("connections over RPC", () => {
  const bench = useRpcBench();
  const backend = new WatchedBackend();
  let flows: FlowRig;
  let volumeId: string;

  beforeAll(async () => {
    flows = await flowRig({ backend: (each) => backend.around(each) });
    volumeId = await flows.open(imageId);
    await flows.ended(volumeId);
  });
  afterAll(async () => {
    await flows[Symbol.asyncDispose]();
  });

  /** A daemon on the bench that serves the volumes under this name. */
  async function serve(name = "file", topic?: string) {
    const registry = new BackendRegistry(
      new Map([[name, flows.services]]),
      name,
    );
    const { directory } = flows.services;
    return await bench.start(
      Object.fromEntries(allHandlers({ registry, directory })),
      { backends: [name], ...(topic !== undefined && { topic }) },
    );
  }

  async function ask(
    method: string,
    args: object,
    {
      project = "p1",
      options = {},
    }: { project?: string; options?: object } = {},
  ): Promise<Record<string, unknown>> {
    const before = bench.replies.length;
    bench.send(
      bench.call(method, args, { _context_project_id: project }),
      options,
    );
    await eventually("the reply", () => bench.replies.length > before);
    return bench.replies[before] ?? {};
  }

  it("tell a host how it reaches a volume, and hand the backend what it may need of the connector", async () => {
    await serve();
    const reply = await ask("initialize_connection", {
      volume_id: volumeId,
      connector,
    });
    const path = join(flows.root, `volume-${volumeId}`);
    expect(reply["result"]).toEqual({
      driver_volume_type: "local",
      data: { device_path: path },
    });
    await expect(access(path)).resolves.toBeUndefined();
    expect(backend.asked.at(-1)).toEqual({
      host: "compute-1",
      initiator: connector.initiator,
      nqn: connector.nqn,
      wwpns: ["500a09808001c2d3", "500a09808001c2d4"],
    });
  });

  it("take a connector that lacks all but the host", async () => {
    await serve();
    await ask("initialize_connection", {
      volume_id: volumeId,
      connector: { host: "h", initiator: "", nqn: null, wwpns: false },
    });
    expect(backend.asked.at(-1)).toEqual({
      host: "h",
      initiator: null,
      nqn: null,
      wwpns: [],
    });
  });

  it("are undone for one host, or for all", async () => {
    await serve();
    const disconnected = { volume_id: volumeId, status: "disconnected" };
    const one = await ask("terminate_connection", {
      volume_id: volumeId,
      connector,
    });
    expect(one["result"]).toEqual(disconnected);
    expect(backend.asked.at(-1)).toMatchObject({ host: "compute-1" });
    for (const args of [{}, { connector: null }]) {
      const all = await ask("terminate_connection", {
        volume_id: volumeId,
        ...args,
      });
      expect(all["result"]).toEqual(disconnected);
      expect(backend.asked.at(-1)).toBeNull();
    }
  });

  it.each([
    ["no connector", undefined, "initialize_connection needs connector"],
    ["a text", "host", 'connector: got "host", need an object'],
    ["no host", {}, "initialize_connection needs connector.host"],
    ["a host of no text", { host: 5 }, "connector.host: got 5, need a text"],
    [
      "an initiator that would change a query",
      { host: "h", initiator: "iqn.2010-06.org:a' or iqns='*" },
      "connector.initiator: got",
    ],
    [
      "an nqn of another form",
      { host: "h", nqn: "uuid:5" },
      "connector.nqn: got",
    ],
    ["wwpns of no list", { host: "h", wwpns: "50" }, "connector.wwpns: got"],
    [
      "a wwpn of 15 digits",
      { host: "h", wwpns: ["500a09808001c2d"] },
      "need 16 hexadecimal digits",
    ],
    [
      "65 wwpns",
      { host: "h", wwpns: Array.from({ length: 65 }).fill("500a09808001c2d3") },
      "a list of at most 64",
    ],
  ])("refuse %s", async (_what, given, message) => {
    await serve();
    const before = backend.asked.length;
    const reply = await ask("initialize_connection", {
      volume_id: volumeId,
      connector: given,
    });
    const failure = failureOf(reply);
    expect(failure["class"]).toBe("InvalidInput");
    expect(failure["message"]).toContain(message);
    expect(backend.asked).toHaveLength(before);
  });

  it.each(["initialize_connection", "terminate_connection"])(
    "do not show other projects' volumes: %s",
    async (method) => {
      await serve();
      for (const [id, project] of [
        [nobody, "p1"],
        [volumeId, "p2"],
      ] as const) {
        const args = { volume_id: id, connector };
        expect(failureOf(await ask(method, args, { project }))).toMatchObject({
          class: "VolumeNotFound",
          kwargs: { code: 404, error_code: "VOLUME_NOT_FOUND" },
        });
      }
    },
  );

  it.each(["initialize_connection", "terminate_connection"])(
    "are never those of an image-volume: %s",
    async (method) => {
      await serve();
      const volumes = await flows.services.volumes.list({
        projectId: "internal",
        allProjects: false,
        status: null,
        imageId: null,
        limit: 10,
        marker: null,
      });
      expect(volumes).toHaveLength(1);
      const args = { volume_id: volumes[0]?.volumeId, connector };
      const reply = await ask(method, args, { project: "internal" });
      expect(failureOf(reply)).toMatchObject({
        class: "InvalidVolume",
        kwargs: { code: 409, error_code: "IMAGE_VOLUME_PROTECTED" },
      });
    },
  );

  it("need a volume that is finished", async () => {
    await serve();
    const gate = Promise.withResolvers<void>();
    const { describe: describeNow } = flows.script;
    flows.script.describe = async (id, who) => {
      await gate.promise;
      return await describeNow(id, who);
    };
    const unfinished = await flows.open(imageId);
    for (const method of ["initialize_connection", "terminate_connection"]) {
      const reply = await ask(method, { volume_id: unfinished, connector });
      expect(failureOf(reply)).toMatchObject({
        class: "InvalidVolume",
        kwargs: { code: 409, error_code: "VOLUME_NOT_AVAILABLE" },
      });
    }
    gate.resolve();
    flows.script.describe = describeNow;
    await flows.ended(unfinished);
  });

  it("that the backend does not make in the caller's time fail with that", async () => {
    await serve();
    backend.hangs = true;
    const begunMs = Date.now();
    const reply = await ask(
      "initialize_connection",
      { volume_id: volumeId, connector },
      { options: { expiration: 700 } },
    );
    backend.hangs = false;
    expect(failureOf(reply)).toMatchObject({
      class: "InvalidInput",
      kwargs: { code: 504, error_code: "DEADLINE_PASSED" },
    });
    expect(Date.now() - begunMs).toBeLessThan(10_000);
  });

  it("are given up when the daemon stops, so that another one makes them", async () => {
    const rig = await serve();
    backend.hangs = true;
    const before = backend.asked.length;
    bench.send(
      bench.call(
        "initialize_connection",
        { volume_id: volumeId, connector },
        { _context_project_id: "p1" },
      ),
    );
    await eventually("the request", () => backend.asked.length > before);
    await rig.server[Symbol.asyncDispose]();
    backend.hangs = false;
    expect(backend.reason).toMatchObject({ code: "CANCELLED" });
    const { topic } = bench;
    await serve("file", topic);
    await eventually("it again", () => backend.asked.length > before + 1);
  });

  it("keep their volume from being deleted, and it stays what it was", async () => {
    await serve();
    const connected = await flows.open(imageId);
    await flows.ended(connected);
    backend.isInUse = true;
    bench.send(
      bench.call(
        "delete_volume",
        { volume_id: connected },
        { _context_project_id: "p1" },
      ),
    );
    await eventually("the end of the deletion", async () => {
      const record = await flows.services.volumes.get(connected);
      return backend.refused.length > 0 && record?.status === "available";
    });
    backend.isInUse = false;
    const args = { volume_id: connected, connector };
    const again = await ask("initialize_connection", args);
    expect(again["result"]).toMatchObject({ driver_volume_type: "local" });
    const undone = await ask("terminate_connection", args);
    expect(undone["result"]).toMatchObject({ status: "disconnected" });
  });

  it("are made by the daemon that has the backend", async () => {
    await serve("there");
    const { topic } = bench;
    const remembered = await flows.open(imageId);
    await flows.ended(remembered);
    await flows.services.directory.remember(remembered, "there");
    await bench.start(
      Object.fromEntries(
        allHandlers({
          registry: new BackendRegistry(
            new Map([["here", flows.services]]),
            "here",
          ),
          directory: flows.services.directory,
        }),
      ),
      { backends: ["here"], topic },
    );
    const before = bench.replies.length;
    bench.raw.publish(
      bench.exchange,
      `${topic}.here`,
      bench.call(
        "initialize_connection",
        { volume_id: remembered, connector },
        { _context_project_id: "p1" },
      ),
    );
    await eventually("the reply", () => bench.replies.length > before);
    expect(bench.replies[before]?.["result"]).toMatchObject({
      driver_volume_type: "local",
    });
  });
});
