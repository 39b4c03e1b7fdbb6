import { beforeEach, describe, expect, it } from "@jest/globals";
import { ArrayRig, textOf } from "../../helpers/array-rig.ts";

const mebibyte = 1_048_576;
const day = 86_400_000;
const destroy = { destroyed: true };
let rig: ArrayRig;

beforeEach(async () => {
  rig = await ArrayRig.create();
});

describe("a volume group", () => {
  beforeEach(async () => {
    await rig.call("POST volume-groups?names=vg_1", {});
  });

  it("has the volumes whose names begin with its own", async () => {
    const group = await rig.one("GET volume-groups?names=VG_1");
    const volume = await rig.one("POST volumes?names=vg_1%2Fv", {});
    expect(volume).toMatchObject({
      name: "vg_1/v",
      volume_group: { id: group["id"], name: "vg_1" },
      pod: { id: null, name: null },
    });
    await expect(rig.one("GET volume-groups")).resolves.toMatchObject({
      volume_count: 1,
    });
    await expect(rig.refusal("POST volumes?names=no/v", {})).resolves.toBe(
      "Volume group does not exist. [no]",
    );
  });

  it("is destroyed and eradicated with its volumes only when that is asked for", async () => {
    await rig.call("POST volumes?names=vg_1/v", {});
    const path = "PATCH volume-groups?names=vg_1";
    await expect(rig.refusal(path, destroy)).resolves.toContain("not empty");
    await rig.call(`${path}&destroy_contents=true`, destroy);
    await expect(rig.refusal("POST volumes?names=vg_1/w", {})).resolves.toBe(
      "Volume group has been destroyed [vg_1]",
    );
    await expect(
      rig.refusal("DELETE volume-groups?names=vg_1"),
    ).resolves.toContain("Cannot eradicate");
    await rig.call("DELETE volume-groups?names=vg_1&eradicate_contents=true");
    await expect(rig.call("GET volumes")).resolves.toEqual([]);
    expect(rig.plane.sizes.size).toBe(0);
  });

  it.each([
    ["volume-groups?names=vg_1", "Eradication is disabled."],
    ["pods?names=dr", "Cannot eradicate pod. Eradication is disabled."],
  ])("is kept by SafeMode, as is a pod: %s", async (which, text) => {
    await rig.call("POST pods?names=dr", {});
    rig.model.settings.manualEradication = "all-disabled";
    await rig.call(`PATCH ${which}`, destroy);
    await expect(rig.refusal(`DELETE ${which}`)).resolves.toBe(text);
  });

  it("goes with its volumes when its time is over", async () => {
    await rig.call("POST volumes?names=vg_1/v", {});
    await rig.call(
      "PATCH volume-groups?names=vg_1&destroy_contents=true",
      destroy,
    );
    rig.clock.advance(day);
    await expect(rig.call("GET volume-groups")).resolves.toEqual([]);
    await expect(rig.call("GET volumes")).resolves.toEqual([]);
  });

  it("takes its volumes' names along when it is renamed", async () => {
    await rig.call("POST volumes?names=vg_1/v", {});
    await rig.call("PATCH volume-groups?names=vg_1", { name: "vg_2" });
    await expect(rig.one("GET volumes?names=vg_2/v")).resolves.toMatchObject({
      volume_group: { name: "vg_2" },
    });
  });

  it("is in a pod from 2.20 on", async () => {
    await rig.call("POST pods?names=pod", {});
    const path = "POST volume-groups?names=pod%3A%3Avg";
    await expect(rig.refusal(path, {}, "2.19")).resolves.toContain(
      "not supported",
    );
    await expect(rig.one(path, {}, "2.20")).resolves.toMatchObject({
      name: "pod::vg",
      pod: { name: "pod" },
    });
    await expect(
      rig.refusal("POST volumes?names=pod::vg/v", {}, "2.19"),
    ).resolves.toContain("not supported");
    await expect(
      rig.one("POST volumes?names=pod::vg/v", {}, "2.20"),
    ).resolves.toMatchObject({
      pod: { name: "pod" },
      volume_group: { name: "pod::vg" },
    });
  });
});

describe("a pod", () => {
  it("has a quota that counts all sizes in it, those of destroyed volumes too", async () => {
    await rig.call("POST pods?names=pod", { quota_limit: 3 * mebibyte });
    await rig.call("POST volumes?names=pod::a", { provisioned: 2 * mebibyte });
    await rig.call("POST volumes?names=pod::b", {});
    await expect(
      rig.refusal("POST volumes?names=pod::c", {}),
    ).resolves.toContain("limit reached");
    await rig.call("PATCH volumes?names=pod::a", destroy);
    await expect(
      rig.refusal("PATCH volumes?names=pod::b", { provisioned: 2 * mebibyte }),
    ).resolves.toContain("limit reached");
    await rig.call("DELETE volumes?names=pod::a");
    await expect(
      rig.one("PATCH volumes?names=pod::b", { provisioned: 3 * mebibyte }),
    ).resolves.toMatchObject({ provisioned: 3 * mebibyte });
  });

  it("has a quota from 2.23 on", async () => {
    await expect(
      rig.refusal("POST pods?names=p", { quota_limit: mebibyte }, "2.22"),
    ).resolves.toContain("quota_limit");
    const item = await rig.one("POST pods?names=p", {}, "2.22");
    expect(Object.keys(item)).not.toContain("quota_limit");
    await expect(
      rig.one("PATCH pods?names=p", { quota_limit: mebibyte }, "2.23"),
    ).resolves.toMatchObject({ quota_limit: mebibyte });
  });

  it("goes with all that is in it", async () => {
    await rig.call("POST pods?names=pod", {});
    await rig.call("POST volume-groups?names=pod::vg", {});
    await rig.call("POST volumes?names=pod::a,pod::vg/b", {});
    await rig.call("PATCH pods?names=pod&destroy_contents=true", destroy);
    await rig.call("DELETE pods?names=pod&eradicate_contents=true");
    await expect(rig.call("GET volumes")).resolves.toEqual([]);
    await expect(rig.call("GET volume-groups")).resolves.toEqual([]);
    await expect(rig.refusal("POST volumes?names=pod::a", {})).resolves.toBe(
      "Pod does not exist. [pod]",
    );
  });

  it("is where a volume can be moved to, not by a rename", async () => {
    await rig.call("POST pods?names=pod", {});
    await rig.call("POST volumes?names=v", {});
    await expect(
      rig.refusal("PATCH volumes?names=v", { name: "pod::v" }),
    ).resolves.toContain("Cannot move volume through rename");
    await expect(
      rig.one("PATCH volumes?names=v", { pod: { name: "pod" } }),
    ).resolves.toMatchObject({ name: "pod::v" });
    await expect(
      rig.one("PATCH volumes?names=pod::v", { pod: { name: "" } }),
    ).resolves.toMatchObject({ name: "v" });
  });
});

describe("default protection", () => {
  beforeEach(async () => {
    rig.model.settings.defaultProtection = [
      { name: "pgroup-auto", retentionLock: "ratcheted" },
    ];
  });

  const groupsOf = async (volume: string): Promise<readonly unknown[]> => {
    const rows = await rig.call(
      `GET protection-groups/volumes?member_names=${volume}`,
    );
    return rows.map(({ group }) => (group as { name: string }).name);
  };

  it("takes new volumes into its groups unless it is told not to", async () => {
    await rig.call("POST volumes?names=a", {});
    await rig.call("POST volumes?names=b&with_default_protection=false", {});
    await rig.call("POST volumes?names=c", {}, "2.15");
    await expect(groupsOf("a")).resolves.toEqual(["pgroup-auto"]);
    await expect(groupsOf("b")).resolves.toEqual([]);
    await expect(groupsOf("c")).resolves.toEqual(["pgroup-auto"]);
    await expect(
      rig.one("GET protection-groups", undefined, "2.26"),
    ).resolves.toMatchObject({ retention_lock: "ratcheted", volume_count: 2 });
  });

  it("does not let locked members go, nor be eradicated by hand", async () => {
    await rig.call("POST volumes?names=a", {});
    const ends = "group_names=pgroup-auto&member_names=a";
    await expect(
      rig.refusal(`DELETE protection-groups/volumes?${ends}`),
    ).resolves.toContain("retention lock");
    await rig.call("PATCH volumes?names=a", destroy);
    await expect(rig.refusal("DELETE volumes?names=a")).resolves.toBe(
      "Eradication is disabled.",
    );
    rig.clock.advance(day);
    await expect(rig.call("GET volumes")).resolves.toEqual([]);
  });

  it("lets members of unlocked groups go", async () => {
    rig.model.settings.defaultProtection = [{ name: "pgroup-auto" }];
    await rig.call("POST volumes?names=a", {});
    const ends = "group_names=pgroup-auto&member_names=a";
    await rig.call(`DELETE volumes/protection-groups?${ends}`);
    await expect(groupsOf("a")).resolves.toEqual([]);
    await rig.call(`POST volumes/protection-groups?${ends}`);
    await expect(
      rig.refusal(`POST protection-groups/volumes?${ends}`),
    ).resolves.toContain("already includes");
  });

  it("can be read and changed from 2.16 on", async () => {
    await rig.call("GET volumes");
    const path = "container-default-protections";
    const item = await rig.one(`GET ${path}`, undefined, "2.16");
    expect(item).toMatchObject({
      id: null,
      name: null,
      default_protections: [{ name: "pgroup-auto", type: "protection_group" }],
    });
    await rig.call(`PATCH ${path}`, { default_protections: [] });
    await rig.call("POST volumes?names=a", {});
    await expect(groupsOf("a")).resolves.toEqual([]);
  });
});

describe("a snapshot", () => {
  beforeEach(async () => {
    await rig.call("POST volumes?names=v", { provisioned: 2 * mebibyte });
    await rig.call("POST volume-snapshots?source_names=v", { suffix: "s" });
  });

  it("is named after its volume, and can be a source", async () => {
    await rig.call("PATCH volumes?names=v", { name: "w" });
    const item = await rig.one("GET volume-snapshots?names=w.s");
    expect(item).toMatchObject({ name: "w.s", suffix: "s" });
    const copy = await rig.one("POST volumes?names=copy", {
      source: { name: "w.s" },
    });
    expect(copy).toMatchObject({
      provisioned: 2 * mebibyte,
      source: { name: "w" },
    });
    expect(rig.plane.origins.get(textOf(copy, "id"))).toBe(item["id"]);
  });

  it("has a suffix of its own, which is all that can be renamed", async () => {
    await expect(
      rig.refusal("POST volume-snapshots?source_names=v", { suffix: "S" }),
    ).resolves.toContain("already exists");
    await rig.call("PATCH volume-snapshots?names=v.s", { name: "t" });
    await expect(rig.refusal("GET volume-snapshots?names=v.s")).resolves.toBe(
      "No such volume or snapshot. [v.s]",
    );
    await expect(
      rig.one("GET volume-snapshots?names=v.t"),
    ).resolves.toMatchObject({ suffix: "t" });
  });

  it("is destroyed once, and eradicated by hand or in time", async () => {
    const path = "PATCH volume-snapshots?names=v.s";
    await rig.call(path, destroy);
    await expect(rig.refusal(path, destroy)).resolves.toBe(
      "Volume snapshot has been destroyed. It can be recovered by purevol recover and eradicated by purevol eradicate. [v.s]",
    );
    await rig.call(path, { destroyed: false });
    await rig.call(path, destroy);
    await rig.call("DELETE volume-snapshots?names=v.s");
    await expect(rig.call("GET volume-snapshots")).resolves.toEqual([]);
    expect(rig.plane.sizes.size).toBe(1);
  });

  it("goes and comes back with its volume", async () => {
    await rig.call("PATCH volumes?names=v", destroy);
    await expect(rig.one("GET volume-snapshots")).resolves.toMatchObject(
      destroy,
    );
    await rig.call("PATCH volumes?names=v", { destroyed: false });
    await expect(rig.one("GET volume-snapshots")).resolves.toMatchObject({
      destroyed: false,
    });
    await rig.call("PATCH volumes?names=v", destroy);
    rig.clock.advance(day);
    await expect(rig.call("GET volume-snapshots")).resolves.toEqual([]);
    expect(rig.plane.sizes.size).toBe(0);
  });
});
