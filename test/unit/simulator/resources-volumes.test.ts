import { beforeEach, describe, expect, it } from "@jest/globals";
import { ArrayRig, textOf } from "../../helpers/array-rig.ts";

const mebibyte = 1_048_576;
const day = 86_400_000;
let rig: ArrayRig;

beforeEach(async () => {
  rig = await ArrayRig.create();
});

describe("a new volume", () => {
  it("has zeroes, an id, and a serial of the array's prefix and a counter", async () => {
    const one = await rig.one("POST volumes?names=one", {
      provisioned: 2 * mebibyte,
    });
    const two = await rig.one("POST volumes?names=two", {});
    const prefix = rig.model.id.replaceAll("-", "").slice(0, 16).toUpperCase();
    expect(one).toMatchObject({
      name: "one",
      provisioned: 2 * mebibyte,
      destroyed: false,
      time_remaining: null,
      source: { id: null, name: null },
      connection_count: 0,
    });
    expect(one["serial"]).toMatch(new RegExp(`^${prefix}[0-9A-F]{8}$`, "u"));
    const counter = (serial: unknown): number =>
      Number.parseInt(String(serial).slice(16), 16);
    expect(counter(two["serial"])).toBe(counter(one["serial"]) + 1);
    expect(two["provisioned"]).toBe(mebibyte);
    expect(rig.plane.sizes.get(textOf(one, "id"))).toBe(2 * mebibyte);
  });

  it.each([
    [mebibyte - 512, "between 1 MB and 4 PB"],
    [mebibyte + 1, "multiple of 512"],
    [4_503_599_627_370_497, "between 1 MB and 4 PB"],
  ])("cannot have %d bytes", async (provisioned, text) => {
    await expect(
      rig.refusal("POST volumes?names=v", { provisioned }),
    ).resolves.toContain(text);
  });

  it.each([mebibyte, mebibyte + 512, 4_503_599_627_370_496])(
    "can have %d bytes",
    async (provisioned) => {
      const item = await rig.one("POST volumes?names=v", { provisioned });
      expect(item["provisioned"]).toBe(provisioned);
    },
  );

  it.each(["a".repeat(63), "a1", "1-a", "1_1", "A"])(
    "can be called %s",
    async (name) => {
      const item = await rig.one(`POST volumes?names=${name}`, {});
      expect(item["name"]).toBe(name);
    },
  );

  it.each(["a".repeat(64), "-a", "a-", "a.b", "a b", "ü"])(
    "cannot be called %s",
    async (name) => {
      await expect(
        rig.refusal(`POST volumes?names=${encodeURIComponent(name)}`, {}),
      ).resolves.toBe(
        `Volume name must be between 1 and 63 characters (alphanumeric, '_' and '-') in length and begin and end with a letter or number. [${name}]`,
      );
    },
  );

  it("needs more than digits as a name", async () => {
    await expect(rig.refusal("POST volumes?names=123", {})).resolves.toContain(
      "The name must include at least one letter, '_', or '-'.",
    );
  });

  it("cannot have the name of another, in whatever case, until that is eradicated", async () => {
    await rig.call("POST volumes?names=Name", {});
    await expect(rig.refusal("POST volumes?names=nAME", {})).resolves.toBe(
      "Volume already exists. [Name]",
    );
    await rig.call("PATCH volumes?names=name", { destroyed: true });
    await expect(rig.refusal("POST volumes?names=name", {})).resolves.toBe(
      "Volume has been destroyed. [Name]",
    );
    await rig.call("DELETE volumes?names=NAME");
    await expect(rig.one("POST volumes?names=name", {})).resolves.toMatchObject(
      { name: "name" },
    );
  });

  it("is not made by one of many calls at once", async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, async () => {
        await rig.call("POST volumes?names=one", {});
      }),
    );
    const made = outcomes.filter(({ status }) => status === "fulfilled");
    expect(made).toHaveLength(1);
    expect(rig.plane.sizes.size).toBe(1);
  });

  it("leaves nothing behind when its bytes cannot be made", async () => {
    rig.plane.broken.add("create");
    await expect(rig.call("POST volumes?names=a,b", {})).rejects.toThrow(
      "create is broken",
    );
    rig.plane.broken.clear();
    await expect(rig.call("GET volumes")).resolves.toEqual([]);
    await expect(rig.call("POST volumes?names=a", {})).resolves.toHaveLength(1);
  });
});

describe("a copy", () => {
  beforeEach(async () => {
    await rig.call("POST volumes?names=gold", { provisioned: 4 * mebibyte });
  });

  it("has the size and bytes of its source, and names it", async () => {
    const gold = await rig.one("GET volumes?names=gold");
    const copy = await rig.one("POST volumes?names=copy", {
      source: { name: "gold" },
    });
    expect(copy).toMatchObject({
      provisioned: 4 * mebibyte,
      source: { id: gold["id"], name: "gold" },
    });
    expect(copy["serial"]).not.toBe(gold["serial"]);
    expect(rig.plane.origins.get(textOf(copy, "id"))).toBe(gold["id"]);
  });

  it("can be made from a source id and with a bigger size, not a smaller one", async () => {
    const gold = await rig.one("GET volumes?names=gold");
    const source = { id: gold["id"] };
    const big = await rig.one("POST volumes?names=big", {
      source,
      provisioned: 5 * mebibyte,
    });
    expect(rig.plane.sizes.get(textOf(big, "id"))).toBe(5 * mebibyte);
    await expect(
      rig.refusal("POST volumes?names=small", {
        source,
        provisioned: mebibyte,
      }),
    ).resolves.toContain("below that of its source");
  });

  it("follows its source's name until that is eradicated", async () => {
    await rig.call("POST volumes?names=copy", { source: { name: "gold" } });
    await rig.call("PATCH volumes?names=gold", { name: "silver" });
    await expect(rig.one("GET volumes?names=copy")).resolves.toMatchObject({
      source: { name: "silver" },
    });
    await rig.call("PATCH volumes?names=silver", { destroyed: true });
    await rig.call("DELETE volumes?names=silver");
    await expect(rig.one("GET volumes?names=copy")).resolves.toMatchObject({
      source: { id: null, name: null },
    });
  });

  it("needs a live source", async () => {
    await expect(
      rig.refusal("POST volumes?names=copy", { source: { name: "none" } }),
    ).resolves.toBe("No such volume or snapshot. [none]");
    await rig.call("PATCH volumes?names=gold", { destroyed: true });
    await expect(
      rig.refusal("POST volumes?names=copy", { source: { name: "gold" } }),
    ).resolves.toBe("Volume has been destroyed. [gold]");
  });

  it("has the copyable tags only", async () => {
    await rig.call("PUT volumes/tags/batch?resource_names=gold", [
      { key: "made-by", value: "us", namespace: "ours" },
      { key: "role", value: "gold", namespace: "ours", copyable: false },
    ]);
    await rig.call("POST volumes?names=copy", { source: { name: "gold" } });
    const tags = await rig.call(
      "GET volumes/tags?resource_names=copy&namespaces=ours",
    );
    expect(tags.map(({ key }) => key)).toEqual(["made-by"]);
  });

  it("overwrites what is there and keeps its id, serial and name", async () => {
    const before = await rig.one("POST volumes?names=target", {});
    const body = { source: { name: "gold" } };
    await expect(
      rig.refusal("POST volumes?names=target", body),
    ).resolves.toContain("already exists");
    const after = await rig.one(
      "POST volumes?names=target&overwrite=true",
      body,
    );
    expect(after).toMatchObject({
      id: before["id"],
      serial: before["serial"],
      created: before["created"],
      provisioned: 4 * mebibyte,
      source: { name: "gold" },
    });
    await expect(
      rig.refusal(
        "POST volumes?names=target&overwrite=true&with_default_protection=false",
        body,
      ),
    ).resolves.toContain("cannot be given together");
  });
});

function adjusted(operator: string, value: number): object {
  return {
    priority_adjustment: {
      priority_adjustment_operator: operator,
      priority_adjustment_value: value,
    },
  };
}

describe("a change of a volume", () => {
  beforeEach(async () => {
    await rig.call("POST volumes?names=v", { provisioned: 4 * mebibyte });
  });

  it("renames it within its place", async () => {
    await rig.call("POST volumes?names=other", {});
    await rig.call("POST volume-groups?names=vg", {});
    await expect(
      rig.refusal("PATCH volumes?names=v", { name: "OTHER" }),
    ).resolves.toBe("Volume already exists. [other]");
    await expect(
      rig.refusal("PATCH volumes?names=v", { name: "vg/v" }),
    ).resolves.toBe("Cannot move volume through rename [vg/v]");
    await rig.call("PATCH volumes?names=v", { name: "V" });
    await rig.call("PATCH volumes?names=v", { name: "w" });
    await expect(rig.refusal("GET volumes?names=v")).resolves.toBe(
      "Volume does not exist. [v]",
    );
    await expect(
      rig.call("PATCH volumes?names=w", { volume_group: { name: "vg" } }),
    ).resolves.toMatchObject([{ name: "vg/w", volume_group: { name: "vg" } }]);
  });

  it("grows it, and shrinks it with truncate only", async () => {
    const path = "PATCH volumes?names=v";
    const grown = await rig.one(path, { provisioned: 8 * mebibyte });
    expect(rig.plane.sizes.get(textOf(grown, "id"))).toBe(8 * mebibyte);
    await expect(
      rig.refusal(path, { provisioned: 4 * mebibyte }),
    ).resolves.toContain("truncate");
    await rig.call(`${path}&truncate=true`, { provisioned: 4 * mebibyte });
    expect(rig.plane.sizes.get(textOf(grown, "id"))).toBe(4 * mebibyte);
  });

  it("is not done when the data plane fails", async () => {
    rig.plane.broken.add("resize");
    await expect(
      rig.call("PATCH volumes?names=v", { provisioned: 8 * mebibyte }),
    ).rejects.toThrow("resize is broken");
    await expect(rig.one("GET volumes?names=v")).resolves.toMatchObject({
      provisioned: 4 * mebibyte,
    });
  });

  it.each<[object, string]>([
    [{ name: "w", pod: { name: "p" } }, "Only one of name, pod"],
    [{ name: "w", volume_group: { name: "vg" } }, "Only one of name, pod"],
    [{ pod: { name: "p" }, volume_group: { name: "vg" } }, "Only one of name"],
    [{ requested_promotion_state: "banana" }, "promoted or demoted"],
    [{ requested_promotion_state: "demoted" }, "cannot demote"],
    [adjusted("*", 0), "Priority adjustment"],
    [adjusted("+", 5), "Priority adjustment"],
    [adjusted("-", -10), "Priority adjustment"],
    [adjusted("=", 20), "Priority adjustment"],
    [{ ...adjusted("=", -10), destroyed: true }, "with other fields"],
  ])("is refused: %j", async (body, text) => {
    await rig.call("POST pods?names=p", {});
    await rig.call("POST volume-groups?names=vg", {});
    const before = await rig.one("GET volumes?names=v");
    await expect(rig.refusal("PATCH volumes?names=v", body)).resolves.toContain(
      text,
    );
    await expect(rig.one("GET volumes?names=v")).resolves.toEqual(before);
  });

  it.each([
    ["+", 10],
    ["-", 10],
    ["=", -10],
    ["=", 0],
  ])("sets its priority to %s%d", async (operator, value) => {
    const body = adjusted(operator, value);
    await expect(rig.one("PATCH volumes?names=v", body)).resolves.toMatchObject(
      body,
    );
  });

  it.each(["remove_from_protection_group_names=pg", "truncate=true"])(
    "does not destroy it with %s",
    async (more) => {
      rig.model.settings.defaultProtection = [{ name: "pg" }];
      await rig.call("GET volumes");
      await expect(
        rig.refusal(`PATCH volumes?names=v&${more}`, { destroyed: true }),
      ).resolves.toContain("with other fields");
    },
  );

  it("is no overwrite with limits or a priority", async () => {
    const source = { name: "v" };
    for (const more of [{ qos: { iops_limit: 500 } }, adjusted("+", 10)]) {
      await expect(
        rig.refusal("POST volumes?names=v&overwrite=true", { source, ...more }),
      ).resolves.toContain("takes no protection groups, limits and priority");
    }
  });

  it("sets limits and takes them off with an empty text", async () => {
    await rig.call("PATCH volumes?names=v", { qos: { iops_limit: 100 } });
    await expect(rig.one("GET volumes?names=v")).resolves.toMatchObject({
      qos: { iops_limit: 100, bandwidth_limit: null },
    });
    await rig.call("PATCH volumes?names=v", { qos: { iops_limit: "" } });
    await expect(rig.one("GET volumes?names=v")).resolves.toMatchObject({
      qos: { iops_limit: null },
    });
    await expect(
      rig.refusal("PATCH volumes?names=v", { qos: { iops_limit: 99 } }),
    ).resolves.toContain("out of range");
  });
});

describe("a destroyed volume", () => {
  const destroy = { destroyed: true };

  beforeEach(async () => {
    await rig.call("POST volumes?names=v,w", {});
    await rig.call("PATCH volumes?names=v", destroy);
  });

  it("keeps its bytes and counts down, and can be had back", async () => {
    const item = await rig.one("GET volumes?names=v");
    expect(item).toMatchObject({ destroyed: true });
    expect(item["time_remaining"]).toBeGreaterThan(day - 60_000);
    expect(rig.plane.sizes.has(textOf(item, "id"))).toBe(true);
    rig.clock.advance(day / 2);
    const later = await rig.one("GET volumes?names=v");
    expect(later["time_remaining"]).toBeLessThanOrEqual(day / 2);
    await rig.call("PATCH volumes?names=v", { destroyed: false });
    await expect(rig.one("GET volumes?names=v")).resolves.toMatchObject({
      destroyed: false,
      time_remaining: null,
      serial: item["serial"],
    });
  });

  it("is eradicated by the array when its time is over", async () => {
    rig.clock.advance(day - 1000);
    await expect(rig.call("GET volumes")).resolves.toHaveLength(2);
    rig.clock.advance(1000);
    await expect(rig.call("GET volumes")).resolves.toHaveLength(1);
    expect(rig.plane.sizes.size).toBe(1);
  });

  it("is listed as the destroyed parameter says", async () => {
    const names = async (query: string): Promise<unknown> =>
      (await rig.call(`GET volumes${query}`)).map(({ name }) => name);
    await expect(names("")).resolves.toEqual(["v", "w"]);
    await expect(names("?destroyed=true")).resolves.toEqual(["v"]);
    await expect(names("?destroyed=false")).resolves.toEqual(["w"]);
    await expect(
      rig.refusal("GET volumes?names=v&destroyed=false"),
    ).resolves.toContain("does not exist");
  });

  it("takes no other change", async () => {
    await expect(rig.refusal("PATCH volumes?names=v", destroy)).resolves.toBe(
      "Volume has been deleted. [v]",
    );
    await expect(
      rig.refusal("PATCH volumes?names=v", { name: "x" }),
    ).resolves.toBe("Volume has been destroyed. [v]");
    await expect(
      rig.refusal("PATCH volumes?names=w", { name: "x", destroyed: true }),
    ).resolves.toContain("with other fields");
  });

  it("is the only one that can be eradicated, and not under SafeMode", async () => {
    await expect(rig.refusal("DELETE volumes?names=w")).resolves.toContain(
      "not destroyed",
    );
    rig.model.settings.manualEradication = "all-disabled";
    await expect(rig.refusal("DELETE volumes?names=v")).resolves.toBe(
      "Eradication is disabled.",
    );
    rig.model.settings.manualEradication = "partially-disabled";
    await rig.call("DELETE volumes?names=v");
    await expect(rig.refusal("GET volumes?names=v")).resolves.toContain(
      "does not exist",
    );
  });

  it("stays when its bytes cannot be removed", async () => {
    rig.plane.broken.add("remove");
    await expect(rig.call("DELETE volumes?names=v")).rejects.toThrow("broken");
    rig.plane.broken.clear();
    await expect(rig.one("GET volumes?names=v")).resolves.toMatchObject(
      destroy,
    );
  });
});

describe("limits of the array", () => {
  it("count destroyed volumes", async () => {
    rig.model.settings.maxVolumes = 2;
    await rig.call("POST volumes?names=a,b", {});
    await rig.call("PATCH volumes?names=a", { destroyed: true });
    await expect(rig.refusal("POST volumes?names=c", {})).resolves.toContain(
      "limit reached",
    );
    await rig.call("DELETE volumes?names=a");
    await expect(rig.call("POST volumes?names=c", {})).resolves.toHaveLength(1);
  });

  it("stop new volumes and growth on a full array", async () => {
    await rig.call("POST volumes?names=a", {});
    rig.model.settings.isFull = true;
    await expect(rig.refusal("POST volumes?names=b", {})).resolves.toContain(
      "full",
    );
    await expect(
      rig.refusal("PATCH volumes?names=a", { provisioned: 2 * mebibyte }),
    ).resolves.toContain("full");
  });
});
