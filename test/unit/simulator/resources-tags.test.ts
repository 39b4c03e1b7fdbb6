import { beforeEach, describe, expect, it } from "@jest/globals";
import { ArrayRig } from "../../helpers/array-rig.ts";

const put = "PUT volumes/tags/batch?resource_names=v";
let rig: ArrayRig;

beforeEach(async () => {
  rig = await ArrayRig.create();
  await rig.call("POST volumes?names=v,w", {});
});

describe("tags", () => {
  it("are in the default namespace and copyable when nobody says otherwise", async () => {
    const volume = await rig.one("GET volumes?names=v");
    await expect(rig.one(put, [{ key: "k", value: "1" }])).resolves.toEqual({
      copyable: true,
      key: "k",
      namespace: "default",
      resource: { id: volume["id"], name: "v" },
      value: "1",
    });
  });

  it("are replaced by key and namespace", async () => {
    await rig.call(put, [
      { key: "k", value: "1" },
      { key: "k", value: "other", namespace: "ours" },
    ]);
    await rig.call(put, [{ key: "k", value: "2", copyable: false }]);
    await expect(rig.call("GET volumes/tags")).resolves.toMatchObject([
      { value: "2", copyable: false },
    ]);
    await expect(
      rig.call("GET volumes/tags?namespaces=ours"),
    ).resolves.toMatchObject([{ value: "other" }]);
  });

  it("come in 1 to 30 at once", async () => {
    const many = (count: number): readonly unknown[] =>
      Array.from({ length: count }, (_, index) => ({
        key: `k${index}`,
        value: "",
      }));
    await expect(rig.refusal(put, [])).resolves.toContain("1 and 30");
    await expect(rig.refusal(put, many(31))).resolves.toContain("1 and 30");
    await expect(rig.call(put, many(30))).resolves.toHaveLength(30);
  });

  it.each([
    [{ key: "k".repeat(65), value: "v" }, "length"],
    [{ key: "", value: "v" }, "length"],
    [{ key: "k", value: "v".repeat(257) }, "length"],
    [{ key: "k", value: "v", namespace: "purestorage" }, "reserved"],
  ])("cannot be like number %#", async (tag, text) => {
    await expect(rig.refusal(put, [tag])).resolves.toContain(text);
    await expect(rig.call("GET volumes/tags")).resolves.toEqual([]);
  });

  it("can be as long as the array takes", async () => {
    const tag = { key: "k".repeat(64), value: "v".repeat(256) };
    await expect(rig.one(put, [tag])).resolves.toMatchObject(tag);
  });

  it("are taken off by key, in one namespace", async () => {
    await rig.call(put, [
      { key: "a", value: "1", namespace: "ours" },
      { key: "b", value: "2", namespace: "ours" },
    ]);
    const path = "DELETE volumes/tags?resource_names=v&keys=a";
    await expect(rig.refusal(path)).resolves.toBe("Tag a does not exist. [v]");
    await rig.call(`${path}&namespaces=ours`);
    await expect(
      rig.call("GET volumes/tags?namespaces=ours"),
    ).resolves.toMatchObject([{ key: "b" }]);
    await expect(
      rig.refusal("DELETE volumes/tags?resource_names=v"),
    ).resolves.toContain("Keys");
  });

  it("stay with a volume that is renamed or destroyed, and are listed by its state", async () => {
    await rig.call(put, [{ key: "k", value: "1" }]);
    await rig.call("PUT volumes/tags/batch?resource_names=w", [
      { key: "k", value: "2" },
    ]);
    await rig.call("PATCH volumes?names=v", { name: "x" });
    await rig.call("PATCH volumes?names=x", { destroyed: true });
    const values = async (query: string): Promise<unknown> =>
      (await rig.call(`GET volumes/tags${query}`)).map(({ value }) => value);
    await expect(values("")).resolves.toEqual(["1", "2"]);
    await expect(values("?resource_destroyed=true")).resolves.toEqual(["1"]);
    await expect(values("?resource_destroyed=false")).resolves.toEqual(["2"]);
    await expect(
      rig.refusal("GET volumes/tags?resource_destroyed=false&resource_names=x"),
    ).resolves.toContain("does not exist");
  });
});
