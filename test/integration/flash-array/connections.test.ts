import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { chapPassword } from "../../../daemon/backends/flash-array/chap-secret.ts";
import type { HostConnections } from "../../../daemon/backends/flash-array/host-connections.ts";
import {
  ConnectionsRig,
  connectorOf,
  initiatorName,
  options,
} from "../../helpers/connections-rig.ts";

describe.each(["2.4", "2.16", "2.26", "2.36"] as const)(
  "iSCSI connections at REST %s",
  (newest) => {
    let rig: ConnectionsRig;
    let daemon: HostConnections;

    beforeAll(async () => {
      rig = await ConnectionsRig.start({ newest });
      daemon = await rig.daemon();
    });

    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });

    it("tells Cinder's connection_info, with every portal", async () => {
      const volume = await rig.volume("volume-1-ivc");
      const info = await daemon.initialize(volume, connectorOf(1), options);
      expect(info).toEqual({
        driverVolumeType: "iscsi",
        data: {
          target_discovered: false,
          target_luns: expect.any(Array),
          target_iqns: expect.any(Array),
          target_portals: expect.any(Array),
          discard: true,
          addressing_mode: "SAM2",
          wwn: `3624a9370${volume.serial.toLowerCase()}`,
        },
      });
      const data = info.data as Record<string, unknown[]>;
      const count = data["target_portals"]!.length;
      expect(count).toBeGreaterThan(1);
      expect(data["target_luns"]).toEqual(
        Array.from({ length: count }, () => 1),
      );
      expect(new Set(data["target_iqns"])).toEqual(
        new Set([rig.simulator.dataPlane.iqn]),
      );
      expect(data["target_iqns"]).toHaveLength(count);
    });

    it("gives the same answer again with nothing more written", async () => {
      const volume = await rig.volume("volume-2-ivc");
      const first = await daemon.initialize(volume, connectorOf(2), options);
      const mark = rig.simulator.log.mark();
      const again = await daemon.initialize(volume, connectorOf(2), options);
      expect(again).toEqual(first);
      const writes = rig.simulator.log
        .since(mark)
        .filter(({ method }) => method !== "GET");
      expect(writes).toEqual([]);
    });

    it("makes a host that it removes with its last volume", async () => {
      const one = await rig.volume("volume-3-ivc");
      const two = await rig.volume("volume-4-ivc");
      const connector = connectorOf(3);
      await daemon.initialize(one, connector, options);
      await daemon.initialize(two, connector, options);
      const made = (await rig.hosts()).filter(({ iqns }) =>
        iqns.includes(connector.initiator),
      );
      expect(made).toEqual([
        expect.objectContaining({
          name: expect.stringMatching(
            /^compute-3-example-org-[0-9a-f]{12}-ivc$/,
          ),
          personality: null,
        }),
      ]);
      await daemon.terminate(one.physicalName, connector, options);
      await expect(rig.hostNames()).resolves.toContain(made[0]!.name);
      await daemon.terminate(two.physicalName, connector, options);
      await daemon.terminate(two.physicalName, connector, options);
      await expect(rig.hostNames()).resolves.not.toContain(made[0]!.name);
    });

    it("opens targets for writing, each with a LUN of its own, and takes only its own volume away", async () => {
      const one = await rig.volume("ivc-tmp-1");
      const two = await rig.volume("ivc-tmp-2");
      const [target, other] = await Promise.all([
        daemon.openTarget(one, options),
        daemon.openTarget(two, options),
      ]);
      expect(target).toMatchObject({
        kind: "iscsi",
        iqn: rig.simulator.dataPlane.iqn,
        initiatorName,
        chap: null,
        serial: one.serial,
        sizeBytes: one.sizeBytes,
      });
      expect(target.portals.length).toBeGreaterThan(1);
      expect(target.lun).not.toBe(other.lun);
      await expect(daemon.connectionsOf("ivc-tmp-1", options)).resolves.toEqual(
        [{ hostName: "ivc-writer-node-1", isWriter: true, isShared: false }],
      );
      await target[Symbol.asyncDispose]();
      await expect(daemon.connectionsOf("ivc-tmp-1", options)).resolves.toEqual(
        [],
      );
      await expect(
        daemon.connectionsOf("ivc-tmp-2", options),
      ).resolves.toHaveLength(1);
      await other[Symbol.asyncDispose]();
      await expect(rig.hostNames()).resolves.toContain("ivc-writer-node-1");
    });

    it("uses CHAP with a password that every daemon derives and none keeps", async () => {
      const volume = await rig.volume("volume-5-ivc");
      const connector = connectorOf(5);
      const chapSecret = "a secret of the test";
      const withChap = await rig.daemon({ chapSecret });
      const info = await withChap.initialize(volume, connector, options);
      const host = (await rig.hosts()).find(({ iqns }) =>
        iqns.includes(connector.initiator),
      );
      expect(info.data).toMatchObject({
        auth_method: "CHAP",
        auth_username: host!.name,
        auth_password: chapPassword(
          chapSecret,
          connector.initiator,
          "connector",
        ),
      });
      expect(host!.chap).toBe(host!.name);
      const another = await rig.daemon({ chapSecret });
      await expect(
        another.initialize(volume, connector, options),
      ).resolves.toEqual(info);
      await daemon.terminate(volume.physicalName, connector, options);
    });

    it("tells nobody who names a daemon's initiator its password, and gives them no volume by it", async () => {
      const volume = await rig.volume("volume-liar-ivc");
      const chapSecret = "a secret of the test";
      const other = await rig.daemon({ chapSecret });
      const before = await rig.connections();
      // Before the daemon has a host on the array, and after; of this daemon, and of another one.
      const initiators = [initiatorName, initiatorName.toUpperCase()];
      const lie = async (liar: HostConnections, initiator: string) =>
        await liar.initialize(
          volume,
          { ...connectorOf(9), initiator },
          options,
        );
      for (const initiator of initiators) {
        await expect(lie(other, initiator)).rejects.toMatchObject({
          code: "CONNECTOR_UNUSABLE",
        });
      }
      const theirs = await rig.daemon({
        node: "node-2",
        initiatorName: "iqn.2026-01.org.example:ivcd-node-2",
      });
      await expect(lie(daemon, initiatorName)).rejects.toMatchObject({
        code: "CONNECTOR_UNUSABLE",
      });
      await expect(rig.hostNames()).resolves.toContain("ivc-writer-node-1");
      await expect(lie(theirs, initiatorName)).rejects.toMatchObject({
        code: "CONNECTOR_UNUSABLE",
      });
      await expect(rig.connections()).resolves.toEqual(before);
    });

    it("leaves no host but the writer's when all is terminated", async () => {
      for (const { volume } of await rig.connections()) {
        await daemon.terminate(volume!, null, options);
      }
      await expect(rig.connections()).resolves.toEqual([]);
      await expect(rig.hostNames()).resolves.toEqual(["ivc-writer-node-1"]);
    });
  },
);
