import { beforeEach, describe, expect, it } from "@jest/globals";
import { ArrayRig } from "../../helpers/array-rig.ts";

const [a, b, c] = ["a", "b", "c"].map((end) => `iqn.2026-01.org.x:${end}`);
let rig: ArrayRig;

beforeEach(async () => {
  rig = await ArrayRig.create();
  await rig.call("POST volumes?names=d,e", {});
  await rig.call("POST host-groups?names=hg");
  await rig.call("POST hosts?names=one", { iqns: [a] });
  await rig.call("POST hosts?names=two", { iqns: [b] });
});

describe("A refused change of hosts", () => {
  it.each<[string, object]>([
    ["one,two", { iqns: [c] }],
    ["one,two", { name: "three" }],
    ["one,two", { add_iqns: [c] }],
    ["one", { name: "three", host_group: { name: "nobody" } }],
    ["one", { name: "three", host_group: { name: "hg" } }],
    ["two,one", { host_group: { name: "hg" }, personality: "aix" }],
  ])("changes none of %s: %j", async (names, body) => {
    await rig.call("PATCH hosts?names=two", { host_group: { name: "hg" } });
    await rig.call("POST connections?host_group_names=hg&volume_names=d", {
      lun: 5,
    });
    await rig.call("PATCH hosts?names=two", { host_group: { name: "" } });
    await rig.call("POST connections?host_names=one&volume_names=e", {
      lun: 5,
    });
    const before = await rig.call("GET hosts");
    await rig.refusal(`PATCH hosts?names=${names}`, body);
    await expect(rig.call("GET hosts")).resolves.toEqual(before);
  });

  it("deletes none when one is connected", async () => {
    await rig.call("POST connections?host_names=two&volume_names=d");
    await expect(rig.refusal("DELETE hosts?names=one,two")).resolves.toBe(
      "Host cannot be deleted due to existing connections. [two]",
    );
    await expect(rig.call("GET hosts")).resolves.toHaveLength(2);
  });
});

describe("A host", () => {
  it.each(["iqns", "nqns", "wwns"])("has no null in its %s", async (field) => {
    await expect(
      rig.refusal("POST hosts?names=h", { [field]: [null] }),
    ).resolves.toBe(`Field '${field}[0]' of the body is null.`);
    for (const change of [field, `add_${field}`, `remove_${field}`]) {
      await expect(
        rig.refusal("PATCH hosts?names=one", { [change]: ["x", null] }),
      ).resolves.toBe(`Field '${change}[1]' of the body is null.`);
    }
  });

  it.each(["0x10", "0", "4095", "1e3", "01", " 7"])(
    "is in no VLAN %j",
    async (vlan) => {
      await expect(
        rig.refusal("PATCH hosts?names=one", { vlan }),
      ).resolves.toContain("Invalid VLAN");
    },
  );

  it.each(["1", "4094", "any", "untagged"])(
    "can be in VLAN %s",
    async (vlan) => {
      await expect(
        rig.one("PATCH hosts?names=one", { vlan }),
      ).resolves.toMatchObject({ vlan });
    },
  );
});
