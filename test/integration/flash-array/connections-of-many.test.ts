import { inspect } from "node:util";
import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  it,
} from "@jest/globals";
import { chapPassword } from "../../../daemon/backends/flash-array/chap-secret.ts";
import {
  ConnectionsRig,
  connectorOf,
  initiatorName,
  options,
} from "../../helpers/connections-rig.ts";
import { recordingLogger } from "../../helpers/recording-logger.ts";

let rig: ConnectionsRig;

beforeAll(async () => {
  rig = await ConnectionsRig.start({ newest: "2.26" });
});

afterEach(() => {
  rig.simulator.faults.clear();
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** Names of hosts with the connector's IQN, in whatever case. */
async function hostsWith(initiator: string): Promise<readonly string[]> {
  return (await rig.hosts())
    .filter(({ iqns }) =>
      iqns.some((iqn) => iqn.toLowerCase() === initiator.toLowerCase()),
    )
    .map(({ name }) => name);
}

describe("hosts that several want at once", () => {
  it("see ten volumes with ten LUNs, connected in parallel through one record", async () => {
    const daemon = await rig.daemon();
    const connector = connectorOf(1);
    const names = Array.from({ length: 10 }, (_, i) => `volume-many-${i}`);
    const volumes = await Promise.all(
      names.map(async (name) => await rig.volume(name)),
    );
    const infos = await Promise.all(
      volumes.map(
        async (volume) => await daemon.initialize(volume, connector, options),
      ),
    );
    const luns = infos.map(({ data }) => (data["target_luns"] as number[])[0]);
    expect(new Set(luns).size).toBe(10);
    await expect(hostsWith(connector.initiator)).resolves.toHaveLength(1);
    expect(
      rig.simulator.log.calls("POST", "hosts").map(({ status }) => status),
    ).toEqual([200]);
    await Promise.all(
      names.map(
        async (name) => await daemon.terminate(name, connector, options),
      ),
    );
    await expect(hostsWith(connector.initiator)).resolves.toEqual([]);
  });

  it("get a volume only after another one is taken away, as LUNs are used again", async () => {
    const daemon = await rig.daemon();
    const connector = connectorOf(14);
    const old = await rig.volume("volume-detached");
    const next = await rig.volume("volume-attached");
    await daemon.initialize(old, connector, options);
    const mark = rig.simulator.log.mark();
    rig.simulator.faults.add({
      method: "DELETE",
      path: "connections",
      fault: { kind: "slow", ms: 300 },
    });
    const statusOfDetach: unknown[] = [];
    const watch = rig.simulator.faults.add({
      method: "POST",
      path: "connections",
      when: () => {
        const [detach] = rig.simulator.log.calls("DELETE", "connections", mark);
        statusOfDetach.push(detach?.status);
        return false;
      },
      fault: { kind: "server-error" },
    });
    await Promise.all([
      daemon.terminate(old.physicalName, connector, options),
      daemon.initialize(next, connector, options),
    ]);
    watch.remove();
    expect(statusOfDetach).toEqual([200]);
    await daemon.terminate(next.physicalName, connector, options);
  });

  it("are made once by daemons that race", async () => {
    const connector = connectorOf(2);
    const volume = await rig.volume("volume-race");
    const daemons = await Promise.all(
      Array.from({ length: 4 }, async () => await rig.daemon()),
    );
    // All have looked before the first one makes it.
    const mark = rig.simulator.log.mark();
    rig.simulator.faults.add({
      method: "POST",
      path: "hosts",
      times: daemons.length,
      fault: { kind: "slow", ms: 300 },
    });
    const infos = await Promise.all(
      daemons.map(
        async (daemon) => await daemon.initialize(volume, connector, options),
      ),
    );
    expect(new Set(infos.map((info) => JSON.stringify(info))).size).toBe(1);
    const answers = rig.simulator.log.calls("POST", "hosts", mark);
    expect(answers).toHaveLength(daemons.length);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    await expect(hostsWith(connector.initiator)).resolves.toHaveLength(1);
    await Promise.all(
      daemons.map(
        async (daemon) =>
          await daemon.terminate(volume.physicalName, connector, options),
      ),
    );
    await expect(hostsWith(connector.initiator)).resolves.toEqual([]);
  });

  it("that were made by another daemon between the look and the making are used", async () => {
    const connector = connectorOf(3);
    const volume = await rig.volume("volume-between");
    const daemon = await rig.daemon();
    rig.simulator.faults.add({
      method: "POST",
      path: "hosts",
      fault: { kind: "refuse", message: "The initiator is already in use." },
    });
    await daemon.initialize(volume, connector, options);
    await expect(hostsWith(connector.initiator)).resolves.toHaveLength(1);
  });

  it("that another daemon removes before the volume is connected are made again", async () => {
    const connector = connectorOf(4);
    const volume = await rig.volume("volume-gone");
    const daemon = await rig.daemon();
    const refused = rig.simulator.faults.add({
      method: "POST",
      path: "connections",
      fault: { kind: "refuse", message: "Host does not exist." },
    });
    await daemon.initialize(volume, connector, options);
    expect(refused.calls).toBe(1);
    await expect(
      daemon.connectionsOf(volume.physicalName, options),
    ).resolves.toHaveLength(1);
  });
});

describe("hosts of an administrator", () => {
  it("are used as they are and stay", async () => {
    const connector = connectorOf(5);
    const volume = await rig.volume("volume-admin");
    await rig.change(
      "POST",
      "hosts",
      { names: "admins-host" },
      { iqns: [connector.initiator] },
    );
    const daemon = await rig.daemon({ personality: "esxi" });
    await daemon.initialize(volume, connector, options);
    await expect(
      daemon.connectionsOf(volume.physicalName, options),
    ).resolves.toEqual([
      { hostName: "admins-host", isWriter: false, isShared: false },
    ]);
    const host = (await rig.hosts()).find(({ name }) => name === "admins-host");
    expect(host).toMatchObject({ personality: null, chap: null });
    await daemon.terminate(volume.physicalName, connector, options);
    await expect(rig.hostNames()).resolves.toContain("admins-host");
  });

  it("are refused with CHAP, as their account is not known", async () => {
    const connector = connectorOf(5);
    const volume = await rig.volume("volume-admin-chap");
    const daemon = await rig.daemon({ chapSecret: "a secret" });
    await expect(
      daemon.initialize(volume, connector, options),
    ).rejects.toMatchObject({
      code: "HOST_NOT_OURS",
      message: expect.stringContaining("admins-host"),
    });
    await expect(
      daemon.connectionsOf(volume.physicalName, options),
    ).resolves.toEqual([]);
  });

  it("that have the daemon's own initiator are not written through", async () => {
    const volume = await rig.volume("ivc-tmp-admin");
    const own = "iqn.2026-01.org.example:taken";
    await rig.change(
      "POST",
      "hosts",
      { names: "admins-writer" },
      { iqns: [own] },
    );
    const daemon = await rig.daemon({ initiatorName: own });
    await expect(daemon.openTarget(volume, options)).rejects.toMatchObject({
      code: "HOST_NOT_OURS",
    });
    await expect(
      daemon.connectionsOf(volume.physicalName, options),
    ).resolves.toEqual([]);
  });

  it("are found where the connector tells the IQN in another case", async () => {
    const connector = connectorOf(6);
    const volume = await rig.volume("volume-case");
    const daemon = await rig.daemon();
    await daemon.initialize(volume, connector, options);
    const upper = {
      ...connector,
      initiator: connector.initiator.replace("c0ffee", "C0FFEE"),
    };
    await daemon.initialize(volume, upper, options);
    await expect(hostsWith(connector.initiator)).resolves.toHaveLength(1);
    await daemon.terminate(volume.physicalName, upper, options);
    await expect(hostsWith(connector.initiator)).resolves.toEqual([]);
  });
});

describe("hosts that we made", () => {
  it("have the personality that is set, also when it is set later", async () => {
    const connector = connectorOf(7);
    const volume = await rig.volume("volume-personality");
    const plain = await rig.daemon();
    await plain.initialize(volume, connector, options);
    const daemon = await rig.daemon({ personality: "esxi" });
    await daemon.initialize(volume, connector, options);
    const host = (await rig.hosts()).find(({ iqns }) =>
      iqns.includes(connector.initiator),
    );
    expect(host!.personality).toBe("esxi");
  });

  it("lose their account when CHAP is turned off", async () => {
    const connector = connectorOf(8);
    const volume = await rig.volume("volume-chap-off");
    const withChap = await rig.daemon({ chapSecret: "a secret" });
    await withChap.initialize(volume, connector, options);
    const daemon = await rig.daemon();
    const info = await daemon.initialize(volume, connector, options);
    expect(info.data).not.toHaveProperty("auth_method");
    const host = (await rig.hosts()).find(({ iqns }) =>
      iqns.includes(connector.initiator),
    );
    expect(host!.chap).toBeNull();
  });

  it("have a password that is in no log and no error", async () => {
    const connector = connectorOf(15);
    const volume = await rig.volume("volume-secret");
    const { logger, lines } = recordingLogger();
    const chapSecret = "a secret";
    const daemon = await rig.daemon({ chapSecret, logger });
    const password = chapPassword(chapSecret, connector.initiator, "connector");
    const met = rig.simulator.faults.add({
      method: "PATCH",
      path: "hosts",
      times: 3,
      fault: { kind: "reset-after" },
    });
    const failure: unknown = await daemon
      .initialize(volume, connector, options)
      .then(
        () => null,
        (error: unknown) => error,
      );
    expect(met.calls).toBe(3);
    expect(failure).toBeInstanceOf(Error);
    await daemon.initialize(volume, connector, options);
    await daemon.terminate(volume.physicalName, connector, options);
    expect(lines.length).toBeGreaterThan(0);
    expect(inspect([failure, lines], { depth: null })).not.toContain(password);
  });

  it("stay when an administrator gave them another volume", async () => {
    const connector = connectorOf(9);
    const volume = await rig.volume("volume-left");
    await rig.volume("foreign-volume");
    const daemon = await rig.daemon();
    await daemon.initialize(volume, connector, options);
    const [name] = await hostsWith(connector.initiator);
    await rig.change("POST", "connections", {
      host_names: name!,
      volume_names: "foreign-volume",
    });
    await daemon.terminate(volume.physicalName, connector, options);
    await expect(hostsWith(connector.initiator)).resolves.toEqual([name]);
  });
});

describe("a connection of a host group", () => {
  it("counts, and is never taken away", async () => {
    const connector = connectorOf(10);
    const volume = await rig.volume("volume-group");
    await rig.change(
      "POST",
      "hosts",
      { names: "member" },
      { iqns: [connector.initiator] },
    );
    await rig.change(
      "POST",
      "hosts",
      { names: "other-member" },
      {
        iqns: [connectorOf(11).initiator],
      },
    );
    await rig.change("POST", "host-groups", { names: "group" });
    for (const member of ["member", "other-member"]) {
      await rig.change("POST", "host-groups/hosts", {
        group_names: "group",
        member_names: member,
      });
    }
    await rig.change("POST", "connections", {
      host_group_names: "group",
      volume_names: volume.physicalName,
    });
    const { logger, lines } = recordingLogger();
    const daemon = await rig.daemon({ logger });
    const info = await daemon.initialize(volume, connector, options);
    expect((info.data["target_luns"] as number[])[0]).toBe(254);
    const mark = rig.simulator.log.mark();
    await daemon.terminate(volume.physicalName, connector, options);
    await daemon.terminate(volume.physicalName, null, options);
    expect(rig.simulator.log.calls("DELETE", "connections", mark)).toEqual([]);
    await expect(
      daemon.connectionsOf(volume.physicalName, options),
    ).resolves.toEqual([
      { hostName: "member", isWriter: false, isShared: true },
      { hostName: "other-member", isWriter: false, isShared: true },
    ]);
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: "warn",
        event: "volume is connected to a host group, left so",
      }),
    );
  });
});

describe("a daemon that died while it wrote", () => {
  it("is parted from the volume by another one, instances are not", async () => {
    const volume = await rig.volume("ivc-tmp-crashed");
    const dead = await rig.daemon({
      node: "node-dead",
      initiatorName: `${initiatorName}-dead`,
    });
    await dead.openTarget(volume, options);
    const daemon = await rig.daemon();
    await daemon.initialize(volume, connectorOf(12), options);
    await expect(
      daemon.connectionsOf(volume.physicalName, options),
    ).resolves.toHaveLength(2);
    await daemon.releaseWriter(volume.physicalName, options);
    await daemon.releaseWriter(volume.physicalName, options);
    await expect(
      daemon.connectionsOf(volume.physicalName, options),
    ).resolves.toEqual([
      expect.objectContaining({ isWriter: false, isShared: false }),
    ]);
    await expect(rig.hostNames()).resolves.toContain("ivc-writer-node-dead");
  });
});

describe("a volume that is not there", () => {
  it("cannot be connected, and is not connected", async () => {
    const absent = {
      physicalName: "volume-absent",
      serial: "0".repeat(24),
      volumeId: "absent",
      sizeBytes: 1024 ** 2,
    };
    const daemon = await rig.daemon();
    await expect(
      daemon.initialize(absent, connectorOf(13), options),
    ).rejects.toMatchObject({ code: "VOLUME_MISSING" });
    await expect(daemon.openTarget(absent, options)).rejects.toMatchObject({
      code: "VOLUME_MISSING",
    });
    await expect(hostsWith(connectorOf(13).initiator)).resolves.toEqual([]);
    await daemon.terminate("volume-absent", connectorOf(13), options);
    await daemon.terminate("volume-absent", null, options);
    await daemon.releaseWriter("volume-absent", options);
    await expect(
      daemon.connectionsOf("volume-absent", options),
    ).resolves.toEqual([]);
  });
});
