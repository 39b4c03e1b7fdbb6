import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  it,
} from "@jest/globals";
import type { FaultRule } from "../../../simulator/faults/fault.ts";
import {
  ConnectionsRig,
  connectorOf,
  options,
} from "../../helpers/connections-rig.ts";

let rig: ConnectionsRig;
let number = 20;

beforeAll(async () => {
  rig = await ConnectionsRig.start({ newest: "2.26" });
});

afterEach(() => {
  rig.simulator.faults.clear();
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** A daemon whose connector's host needs every kind of write, and a volume. */
async function fresh() {
  number += 1;
  const daemon = await rig.daemon({ chapSecret: "a secret" });
  const volume = await rig.volume(`volume-${number}`);
  return { daemon, volume, connector: connectorOf(number) };
}

const writes = [
  ["POST", "hosts"],
  ["PATCH", "hosts"],
  ["POST", "connections"],
  ["DELETE", "connections"],
  ["DELETE", "hosts"],
] as const;
const faults: readonly FaultRule["fault"][] = [
  { kind: "reset-after" },
  { kind: "reset-before" },
  { kind: "truncated-json" },
  { kind: "unavailable" },
];
const cases = writes.flatMap(([method, path]) =>
  faults
    // A DELETE is answered with nothing, of which nothing can be missing.
    .filter(({ kind }) => method !== "DELETE" || kind !== "truncated-json")
    .map((fault) => ({ method, path, fault, kind: fault.kind })),
);

describe("a write that gets no usable answer", () => {
  it.each(cases)(
    "$method $path with $kind is resolved, and all of it is undone in the end",
    async ({ method, path, fault }) => {
      const { daemon, volume, connector } = await fresh();
      const met = rig.simulator.faults.add({ method, path, fault });
      const info = await daemon.initialize(volume, connector, options);
      expect(info.data["auth_method"]).toBe("CHAP");
      await expect(
        daemon.connectionsOf(volume.physicalName, options),
      ).resolves.toHaveLength(1);
      await daemon.terminate(volume.physicalName, connector, options);
      expect(met.calls).toBe(1);
      await expect(rig.connections()).resolves.toEqual([]);
      await expect(rig.hosts()).resolves.toEqual([]);
    },
  );

  it.each(["POST", "DELETE"])(
    "%s connections that never gets one fails, and is done when it is asked for again",
    async (method) => {
      const { daemon, volume, connector } = await fresh();
      if (method === "DELETE") {
        await daemon.initialize(volume, connector, options);
      }
      const met = rig.simulator.faults.add({
        method,
        path: "connections",
        times: "always",
        fault: { kind: "unavailable" },
      });
      const ask = async () =>
        method === "POST"
          ? await daemon.initialize(volume, connector, options)
          : await daemon.terminate(volume.physicalName, connector, options);
      await expect(ask()).rejects.toMatchObject({
        code: expect.stringMatching(/^ARRAY_/),
        retry: "later",
      });
      expect(met.calls).toBeGreaterThan(0);
      expect(met.calls).toBeLessThanOrEqual(3);
      met.remove();
      await ask();
      await daemon.terminate(volume.physicalName, connector, options);
      await expect(rig.hosts()).resolves.toEqual([]);
    },
    90_000,
  );
});

describe("a target for writing", () => {
  it.each([
    ["POST", "hosts"],
    ["POST", "connections"],
    ["DELETE", "connections"],
  ])("survives a lost reply to %s %s", async (method, path) => {
    number += 1;
    const daemon = await rig.daemon({
      node: `node-${number}`,
      initiatorName: `iqn.2026-01.org.example:node-${number}`,
    });
    const volume = await rig.volume(`ivc-tmp-${number}`);
    const met = rig.simulator.faults.add({
      method,
      path,
      fault: { kind: "reset-after" },
    });
    const target = await daemon.openTarget(volume, options);
    expect((await rig.connections()).map(({ lun }) => lun)).toEqual([
      target.lun,
    ]);
    await target[Symbol.asyncDispose]();
    expect(met.calls).toBe(1);
    await expect(rig.connections()).resolves.toEqual([]);
    await rig.change("DELETE", "hosts", { names: `ivc-writer-node-${number}` });
  });

  it("that cannot be opened whole leaves the volume unconnected", async () => {
    number += 1;
    const daemon = await rig.daemon({
      node: `node-${number}`,
      initiatorName: `iqn.2026-01.org.example:node-${number}`,
    });
    const volume = await rig.volume(`ivc-tmp-${number}`);
    const abort = new AbortController();
    const met = rig.simulator.faults.add({
      method: "POST",
      path: "connections",
      when: () => {
        abort.abort(new Error("the job was cancelled"));
        return true;
      },
      fault: { kind: "reset-after" },
    });
    await expect(
      daemon.openTarget(volume, { signal: abort.signal }),
    ).rejects.toThrow("the job was cancelled");
    expect(met.calls).toBe(1);
    await expect(rig.connections()).resolves.toEqual([]);
    await rig.change("DELETE", "hosts", { names: `ivc-writer-node-${number}` });
  });
});

describe("a connection whose number is not told", () => {
  /** Where a host of iSCSI is one of NVMe as well, the array tells no LUN. */
  async function withoutLun() {
    number += 1;
    const newer = await ConnectionsRig.start({ newest: "2.36" });
    const connector = connectorOf(number);
    const name = `both-${number}`;
    const iqns = [connector.initiator];
    await newer.change("POST", "hosts", { names: name }, { iqns });
    const host = newer.simulator.model.hosts.named(name);
    Object.assign(host ?? {}, { nqns: [connector.nqn] });
    const volume = await newer.volume(`volume-${number}`);
    return { newer, connector, name, volume };
  }

  it("is not left behind, unless it was there before", async () => {
    const { newer, connector, name, volume } = await withoutLun();
    await using closed = newer;
    const daemon = await closed.daemon();
    const ask = async () => await daemon.initialize(volume, connector, options);
    await expect(ask()).rejects.toMatchObject({ code: "CONNECTION_NUMBER" });
    expect(closed.done("POST", "connections")).toBe(1);
    await expect(closed.connections()).resolves.toEqual([]);
    await closed.change("POST", "connections", {
      host_names: name,
      volume_names: volume.physicalName,
    });
    await expect(ask()).rejects.toMatchObject({ code: "CONNECTION_NUMBER" });
    await expect(closed.connections()).resolves.toHaveLength(1);
  });

  it("is no hindrance to NVMe, where nobody needs it", async () => {
    const { volume, connector } = await fresh();
    const daemon = await rig.daemon({ protocol: "nvme-tcp" });
    const info = await daemon.initialize(volume, connector, options);
    const [made] = rig.simulator.model.connections;
    Object.assign(made ?? {}, { number: 0 });
    await expect(
      daemon.initialize(volume, connector, options),
    ).resolves.toEqual(info);
    await daemon.terminate(volume.physicalName, connector, options);
  });
});
