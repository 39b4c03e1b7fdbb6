import { beforeEach, describe, expect, it } from "@jest/globals";
import { ArrayRig, textOf } from "../../helpers/array-rig.ts";

let rig: ArrayRig;

beforeEach(async () => {
  rig = await ArrayRig.create();
  await rig.call("POST volumes?names=a,b,c", {});
  await rig.call("POST hosts?names=one", { iqns: ["iqn.2026-01.org.x:one"] });
  await rig.call("POST hosts?names=two", { iqns: ["iqn.2026-01.org.x:two"] });
});

async function numbers(query: string): Promise<readonly unknown[]> {
  const rows = await rig.call(`GET connections${query}`);
  return rows.map(({ lun }) => lun);
}

describe("a private connection", () => {
  it("takes the lowest free LUN from 1", async () => {
    await rig.call("POST connections?host_names=one&volume_names=a,b");
    await rig.call("DELETE connections?host_names=one&volume_names=a");
    const item = await rig.one(
      "POST connections?host_names=one&volume_names=c",
    );
    expect(item).toMatchObject({
      host: { name: "one" },
      host_group: { name: null },
      lun: 1,
      volume: { name: "c" },
      protocol_endpoint: { id: null, name: null },
    });
    await expect(numbers("?volume_names=b")).resolves.toEqual([2]);
  });

  it("takes a LUN that is asked for, when it is free and from 1 to 4095", async () => {
    const path = "POST connections?host_names=one&volume_names=";
    await expect(rig.one(`${path}a`, { lun: 4095 })).resolves.toMatchObject({
      lun: 4095,
    });
    await expect(rig.refusal(`${path}b`, { lun: 4095 })).resolves.toContain(
      "already in use",
    );
    await expect(rig.refusal(`${path}b`, { lun: 4096 })).resolves.toContain(
      "between 1 and 4095",
    );
    await expect(rig.refusal(`${path}b`, { lun: 0 })).resolves.toContain(
      "between 1 and 4095",
    );
  });

  it("is a LUN of the data plane with the volume's serial, and its host's account", async () => {
    await rig.call("PATCH hosts?names=one", {
      chap: { host_user: "user", host_password: "123456789012" },
    });
    await rig.call("POST connections?host_names=one&volume_names=a");
    const volume = await rig.one("GET volumes?names=a");
    expect([...rig.plane.luns.values()]).toEqual([
      {
        hostName: "one",
        volumeId: volume["id"],
        serial: volume["serial"],
        lun: 1,
      },
    ]);
    expect(rig.plane.hosts.get("one")).toEqual({
      hostName: "one",
      iqns: ["iqn.2026-01.org.x:one"],
      chap: { user: "user", password: "123456789012" },
    });
    expect(volume["connection_count"]).toBe(1);
    await rig.call("DELETE connections?host_names=one&volume_names=a");
    expect(rig.plane.luns.size).toBe(0);
  });

  it("exists once", async () => {
    const path = "POST connections?host_names=one&volume_names=a";
    await rig.call(path);
    await expect(rig.refusal(path)).resolves.toBe(
      "Connection already exists. [a]",
    );
    await expect(
      rig.refusal("DELETE connections?host_names=two&volume_names=a"),
    ).resolves.toBe("Connection does not exist. [a]");
  });

  it("is not there when the data plane fails", async () => {
    rig.plane.broken.add("connect");
    await expect(
      rig.call("POST connections?host_names=one&volume_names=a"),
    ).rejects.toThrow("connect is broken");
    rig.plane.broken.clear();
    await expect(rig.call("GET connections")).resolves.toEqual([]);
    await expect(
      rig.one("POST connections?host_names=one&volume_names=a"),
    ).resolves.toMatchObject({ lun: 1 });
  });

  it("keeps its volume and its host from being deleted", async () => {
    await rig.call("POST connections?host_names=one&volume_names=a");
    await expect(
      rig.refusal("PATCH volumes?names=a", { destroyed: true }),
    ).resolves.toContain("existing connections");
    await expect(rig.refusal("DELETE hosts?names=one")).resolves.toBe(
      "Host cannot be deleted due to existing connections. [one]",
    );
  });

  it("needs a live volume", async () => {
    await rig.call("PATCH volumes?names=a", { destroyed: true });
    await expect(
      rig.refusal("POST connections?host_names=one&volume_names=a"),
    ).resolves.toBe("Volume has been destroyed. [a]");
    await expect(
      rig.refusal("POST connections?host_names=none&volume_names=b"),
    ).resolves.toBe("Host does not exist. [none]");
  });

  it("counts against the limit of its host", async () => {
    rig.model.settings.maxConnectionsPerHost = 1;
    await rig.call("POST connections?host_names=one&volume_names=a");
    await expect(
      rig.refusal("POST connections?host_names=one&volume_names=b"),
    ).resolves.toContain("limit reached");
    await expect(
      rig.call("POST connections?host_names=two&volume_names=b"),
    ).resolves.toHaveLength(1);
  });

  it("of an NVMe host has a namespace id from 2.27 on", async () => {
    await rig.call("POST hosts?names=nvme", { nqns: ["nqn.2026-01.org.x:n"] });
    await rig.call("POST connections?host_names=nvme&volume_names=a");
    const path = "GET connections?host_names=nvme";
    const old = await rig.one(path, undefined, "2.26");
    expect(old["lun"]).toBe(1);
    expect(Object.keys(old)).not.toContain("nsid");
    await expect(rig.one(path, undefined, "2.27")).resolves.toMatchObject({
      lun: null,
      nsid: 1,
    });
    expect(rig.plane.luns.size).toBe(0);
  });
});

describe("a shared connection", () => {
  beforeEach(async () => {
    await rig.call("POST host-groups?names=group");
    await rig.call(
      "POST host-groups/hosts?group_names=group&member_names=one,two",
    );
  });

  it("is one row per member and counts down from 254, then up from 255", async () => {
    const path = "POST connections?host_group_names=group&volume_names=";
    await expect(rig.call(`${path}a`)).resolves.toMatchObject([
      { host: { name: "one" }, host_group: { name: "group" }, lun: 254 },
      { host: { name: "two" }, host_group: { name: "group" }, lun: 254 },
    ]);
    await expect(rig.one("GET volumes?names=a")).resolves.toMatchObject({
      connection_count: 1,
    });
    await rig.call(`${path}b`);
    await expect(numbers("?volume_names=b")).resolves.toEqual([253, 253]);
    expect(rig.plane.luns.size).toBe(4);
    const names = Array.from({ length: 253 }, (_, index) => `v${index}`);
    await rig.call(`POST volumes?names=${names.join(",")}`, {});
    await rig.call(`${path}${names.join(",")}`);
    await expect(numbers("?host_names=one&volume_names=v251")).resolves.toEqual(
      [1],
    );
    await expect(numbers("?host_names=one&volume_names=v252")).resolves.toEqual(
      [255],
    );
  });

  it("is one row without a host when the group has none", async () => {
    await rig.call("POST host-groups?names=empty");
    const item = await rig.one(
      "POST connections?host_group_names=empty&volume_names=a",
    );
    expect(item).toMatchObject({ host: { name: null }, lun: 254 });
  });

  it("comes and goes with membership", async () => {
    await rig.call("POST connections?host_group_names=group&volume_names=a");
    const members = "host-groups/hosts?group_names=group&member_names=two";
    await rig.call(`DELETE ${members}`);
    expect([...rig.plane.luns.values()].map((lun) => lun.hostName)).toEqual([
      "one",
    ]);
    await rig.call(`POST ${members}`);
    expect(rig.plane.luns.size).toBe(2);
    await expect(rig.refusal(`POST ${members}`)).resolves.toContain(
      "already belongs to",
    );
  });

  it("excludes a private one of the same volume", async () => {
    await rig.call("POST connections?host_group_names=group&volume_names=a");
    await expect(
      rig.refusal("POST connections?host_names=one&volume_names=a"),
    ).resolves.toContain("already exists");
  });
});

describe("a host", () => {
  it("has initiators that no other has, in whatever case", async () => {
    await expect(
      rig.refusal("POST hosts?names=three", {
        iqns: ["IQN.2026-01.org.x:ONE"],
      }),
    ).resolves.toContain("already in use");
    await expect(
      rig.refusal("PATCH hosts?names=two", {
        add_iqns: ["iqn.2026-01.org.x:one"],
      }),
    ).resolves.toContain("already in use");
    await expect(rig.refusal("POST hosts?names=ONE", {})).resolves.toBe(
      "Host already exists. [ONE]",
    );
  });

  it("has names of NVMe or others, not both", async () => {
    await expect(
      rig.refusal("PATCH hosts?names=one", { nqns: ["nqn.2026-01.org.x:n"] }),
    ).resolves.toContain("NQNs");
  });

  it("replaces, adds and removes initiators; WWNs are told without colons", async () => {
    const path = "PATCH hosts?names=one";
    await rig.call(path, { add_wwns: ["52:4a:93:71:af:4e:82:00"] });
    const item = await rig.one(path, {
      add_iqns: ["iqn.2026-01.org.x:more"],
      remove_iqns: ["iqn.2026-01.org.x:one"],
    });
    expect(item).toMatchObject({
      iqns: ["iqn.2026-01.org.x:more"],
      wwns: ["524A9371AF4E8200"],
    });
    await expect(rig.one(path, { iqns: [] })).resolves.toMatchObject({
      iqns: [],
    });
  });

  it("never tells its passwords, which have 12 to 255 characters", async () => {
    const chap = (length: number): unknown => ({
      chap: { host_user: "user", host_password: "x".repeat(length) },
    });
    const path = "PATCH hosts?names=one";
    await expect(rig.refusal(path, chap(11))).resolves.toContain("12 to 255");
    await expect(rig.refusal(path, chap(256))).resolves.toContain("12 to 255");
    await rig.call(path, chap(255));
    const item = await rig.one(path, chap(12));
    expect(item).toMatchObject({
      chap: { host_user: "user", host_password: "****" },
    });
    expect(JSON.stringify(await rig.call("GET hosts"))).not.toContain("xxxx");
    await expect(
      rig.one(path, { chap: { host_user: "", host_password: "" } }),
    ).resolves.toMatchObject({
      chap: { host_user: null, host_password: null },
    });
  });

  it("keeps its LUNs when it is renamed or loses its iSCSI names for a while", async () => {
    await rig.call("POST connections?host_names=one&volume_names=a");
    const { volumeId } = [...rig.plane.luns.values()][0] ?? { volumeId: "" };
    await rig.call("PATCH hosts?names=one", { name: "uno" });
    expect([...rig.plane.luns.keys()]).toEqual([`uno ${volumeId}`]);
    expect([...rig.plane.hosts.keys()]).toEqual(["uno"]);
    await rig.call("PATCH hosts?names=uno", { iqns: [] });
    expect(rig.plane.luns.size).toBe(0);
    const item = await rig.one("PATCH hosts?names=uno", {
      iqns: ["iqn.2026-01.org.x:uno"],
    });
    expect(textOf(item, "name")).toBe("uno");
    expect(rig.plane.luns.size).toBe(1);
  });

  it("has no underscore in its name", async () => {
    await expect(rig.refusal("POST hosts?names=a_b", {})).resolves.toContain(
      "Host name must be between 1 and 63 characters",
    );
  });

  it("tells of a VLAN from 2.16 on, and of being destroyed from 2.36 on", async () => {
    const keys = async (
      version: "2.15" | "2.16" | "2.36",
    ): Promise<readonly string[]> =>
      Object.keys(await rig.one("GET hosts?names=one", undefined, version));
    await expect(keys("2.15")).resolves.not.toContain("vlan");
    await expect(keys("2.16")).resolves.toContain("vlan");
    await expect(keys("2.16")).resolves.not.toContain("destroyed");
    await expect(keys("2.36")).resolves.toEqual(
      expect.arrayContaining(["destroyed", "time_remaining"]),
    );
  });
});
