import { beforeEach, describe, expect, it } from "@jest/globals";
import { ArrayRig } from "../../helpers/array-rig.ts";

let rig: ArrayRig;

beforeEach(async () => {
  rig = await ArrayRig.create({ arrayName: "lab" });
});

describe("ports", () => {
  it("are the data plane's for iSCSI, with one IQN", async () => {
    const ports = await rig.call("GET ports");
    expect(ports.filter(({ iqn }) => iqn !== null)).toEqual([
      {
        name: "CT0.ETH4",
        failover: null,
        iqn: rig.plane.iqn,
        nqn: null,
        portal: "192.0.2.1:3260",
        wwn: null,
      },
      {
        name: "CT1.ETH4",
        failover: null,
        iqn: rig.plane.iqn,
        nqn: null,
        portal: "[2001:db8::1]:3260",
        wwn: null,
      },
    ]);
  });

  it("are there without portals of a data plane, for NVMe/TCP and FC too", async () => {
    rig.plane.portals = [];
    const ports = await rig.call("GET ports");
    const by = (field: string): readonly unknown[] =>
      ports.filter((port) => port[field] !== null).map(({ name }) => name);
    expect(by("iqn")).toEqual(["CT0.ETH4", "CT0.ETH5", "CT1.ETH4", "CT1.ETH5"]);
    expect(by("nqn")).toEqual([
      "CT0.ETH14",
      "CT0.ETH15",
      "CT1.ETH14",
      "CT1.ETH15",
    ]);
    expect(by("wwn")).toEqual(["CT0.FC0", "CT0.FC1", "CT1.FC0", "CT1.FC1"]);
    const nvme = ports.filter(({ nqn }) => nqn !== null);
    expect(new Set(nvme.map(({ nqn }) => nqn))).toEqual(
      new Set([rig.plane.iqn.replace("iqn", "nqn")]),
    );
    for (const { portal } of nvme) {
      expect(portal).toMatch(/:4420$/u);
    }
    for (const { wwn } of ports.filter((port) => port["wwn"] !== null)) {
      expect(wwn).toMatch(/^(?:[0-9A-F]{2}:){7}[0-9A-F]{2}$/u);
    }
  });

  it("have interfaces with their addresses and services", async () => {
    const names = "ct0.eth4,ct1.eth4,ct0.eth14,CT0.FC0,vir0";
    const items = await rig.call(`GET network-interfaces?names=${names}`);
    const seen = items.map(({ name, services, eth }) => [
      name,
      services,
      (eth as { address: string | null }).address,
    ]);
    expect(seen).toEqual([
      ["ct0.eth4", ["iscsi"], "192.0.2.1"],
      ["ct1.eth4", ["iscsi"], "2001:db8::1"],
      ["ct0.eth14", ["nvme-tcp"], expect.any(String)],
      ["CT0.FC0", ["scsi-fc"], null],
      ["vir0", ["management"], expect.any(String)],
    ]);
  });
});

describe("the array", () => {
  it("tells who it is and what its settings are", async () => {
    rig.model.settings.idleTimeoutMs = 3_600_000;
    rig.model.settings.manualEradication = "all-disabled";
    await expect(rig.one("GET arrays")).resolves.toMatchObject({
      id: rig.model.id,
      name: "lab",
      os: "Purity//FA",
      version: rig.model.settings.purityVersion,
      idle_timeout: 3_600_000,
      eradication_config: {
        eradication_delay: 86_400_000,
        manual_eradication: "all-disabled",
      },
    });
  });

  it("has two controllers that are ready", async () => {
    await expect(rig.call("GET controllers")).resolves.toMatchObject([
      { name: "CT0", status: "ready", mode: "primary" },
      { name: "CT1", status: "ready", mode: "secondary" },
    ]);
  });

  it("has used all its capacity when it is full", async () => {
    rig.model.settings.capacityBytes = 1000;
    const before = await rig.one("GET arrays/space");
    expect(before).toMatchObject({ capacity: 1000, space: { total_used: 0 } });
    rig.model.settings.isFull = true;
    await expect(rig.one("GET arrays/space")).resolves.toMatchObject({
      space: { total_used: 1000, total_physical: 1000 },
    });
  });

  it("tells of its space what the version and the contract allow", async () => {
    await rig.call("POST volumes?names=v", {});
    const fields = async (
      version: "2.9" | "2.10" | "2.26",
    ): Promise<readonly string[]> => {
      const { space } = await rig.one("GET arrays/space", undefined, version);
      return Object.keys(space as object);
    };
    await expect(fields("2.9")).resolves.not.toContain("total_effective");
    await expect(fields("2.10")).resolves.toContain("total_effective");
    await expect(fields("2.10")).resolves.not.toContain("total_used");
    await expect(fields("2.26")).resolves.toContain("total_used");
    rig.model.settings.isEvergreenOne = true;
    const evergreen = await fields("2.26");
    expect(evergreen).toContain("used_provisioned");
    expect(evergreen).not.toContain("data_reduction");
    expect(evergreen).not.toContain("total_used");
    expect(evergreen).not.toContain("total_physical");
  });

  it("cannot be changed or deleted", () => {
    const methods = rig.endpoints
      .filter(({ path }) => path.startsWith("arrays"))
      .map(({ method }) => method);
    expect(methods).toEqual(["GET", "GET"]);
  });
});
