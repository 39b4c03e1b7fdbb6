import { afterEach, describe, expect, it } from "@jest/globals";
import {
  ConnectionsRig,
  connectorOf,
  options,
} from "../../helpers/connections-rig.ts";

let rig: ConnectionsRig | null = null;

afterEach(async () => {
  await rig?.[Symbol.asyncDispose]();
  rig = null;
});

describe.each(["2.21", "2.26", "2.36"] as const)(
  "NVMe/TCP at REST %s",
  (newest) => {
    it("tells subsystem, portals and the NGUID; the host is removed with its last volume", async () => {
      rig = await ConnectionsRig.start({ newest });
      const daemon = await rig.daemon({
        protocol: "nvme-tcp",
        chapSecret: "of iSCSI only",
      });
      const volume = await rig.volume("volume-1-ivc");
      const connector = connectorOf(1);
      const info = await daemon.initialize(volume, connector, options);
      const serial = volume.serial.toLowerCase();
      expect(info).toEqual({
        driverVolumeType: "nvmeof",
        data: {
          target_nqn: expect.stringMatching(/^nqn\./),
          portals: expect.any(Array),
          volume_nguid: `00${serial.slice(0, 14)}24a937${serial.slice(14)}`,
          discard: true,
          host_nqn: connector.nqn,
        },
      });
      expect(info.data["volume_nguid"]).toHaveLength(32);
      expect(info.data["portals"]).toContainEqual([
        expect.any(String),
        4420,
        "tcp",
      ]);
      await expect(
        daemon.initialize(volume, connector, options),
      ).resolves.toEqual(info);
      expect(rig.done("POST", "connections")).toBe(1);
      await expect(rig.hosts()).resolves.toEqual([
        expect.objectContaining({ nqns: [connector.nqn], iqns: [], wwns: [] }),
      ]);
      await daemon.terminate(volume.physicalName, connector, options);
      await expect(rig.hosts()).resolves.toEqual([]);
    });
  },
);

describe("NVMe/TCP", () => {
  it("at REST 2.20 is refused before anything is made", async () => {
    rig = await ConnectionsRig.start({ newest: "2.20" });
    const daemon = await rig.daemon({ protocol: "nvme-tcp" });
    const volume = await rig.volume("volume-1-ivc");
    await expect(
      daemon.initialize(volume, connectorOf(1), options),
    ).rejects.toMatchObject({
      code: "PROTOCOL_UNSUPPORTED",
      message: expect.stringContaining("2.21"),
    });
    await expect(rig.hosts()).resolves.toEqual([]);
  });
});

describe.each(["2.4", "2.26", "2.36"] as const)(
  "Fibre Channel at REST %s",
  (newest) => {
    it("tells targets, LUN and a map of all initiators; the host has all of these", async () => {
      rig = await ConnectionsRig.start({ newest });
      const daemon = await rig.daemon({ protocol: "fc" });
      const volume = await rig.volume("volume-1-ivc");
      const connector = connectorOf(1);
      const info = await daemon.initialize(volume, connector, options);
      const targets = info.data["target_wwn"] as readonly string[];
      expect(targets.length).toBeGreaterThan(1);
      expect(targets.filter((wwn) => !/^[0-9A-F]{16}$/.test(wwn))).toEqual([]);
      expect(info).toEqual({
        driverVolumeType: "fibre_channel",
        data: {
          target_wwn: targets,
          target_lun: 1,
          target_luns: targets.map(() => 1),
          initiator_target_map: {
            [connector.wwpns[0]!]: targets,
            [connector.wwpns[1]!]: targets,
          },
          discard: true,
          addressing_mode: "SAM2",
          wwn: `3624a9370${volume.serial.toLowerCase()}`,
        },
      });
      const second = { ...connector, wwpns: connector.wwpns.slice(1) };
      await expect(
        daemon.initialize(volume, second, options),
      ).resolves.toMatchObject({ data: { target_lun: 1 } });
      await expect(rig.hosts()).resolves.toEqual([
        expect.objectContaining({
          wwns: connector.wwpns.map((wwpn) => wwpn.toUpperCase()),
        }),
      ]);
      await daemon.terminate(volume.physicalName, second, options);
      await expect(rig.hosts()).resolves.toEqual([]);
    });
  },
);

describe.each([
  ["iscsi", { initiator: null }, "initiator"],
  ["nvme-tcp", { nqn: null }, "nqn"],
  ["fc", { wwpns: [] }, "wwpns"],
] as const)("a connector for %s", (protocol, without, key) => {
  it(`that has no ${key} is refused, with nothing asked of the array`, async () => {
    rig = await ConnectionsRig.start({ newest: "2.26" });
    const daemon = await rig.daemon({ protocol });
    const volume = await rig.volume("volume-1-ivc");
    const connector = { ...connectorOf(1), ...without };
    const mark = rig.simulator.log.mark();
    const expected = {
      code: "CONNECTOR_UNUSABLE",
      message: expect.stringContaining(`"${key}"`),
    };
    await expect(
      daemon.initialize(volume, connector, options),
    ).rejects.toMatchObject(expected);
    await expect(
      daemon.terminate(volume.physicalName, connector, options),
    ).rejects.toMatchObject(expected);
    expect(rig.simulator.log.since(mark)).toEqual([]);
  });
});
