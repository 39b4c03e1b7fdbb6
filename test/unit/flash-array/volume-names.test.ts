import { randomBytes, randomUUID } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import {
  type NameSettings,
  volumeNames,
} from "../../../daemon/backends/flash-array/volume-names.ts";

const plain: NameSettings = {
  prefix: "ivc",
  volumeSuffix: "-ivc",
  pod: null,
  volumeGroup: null,
};
const serial = "6C1B16CE1C034D1C00024C6F";
const attempt = "0123456789";
const entryKey = "abcdef0123456789";
const volumeId = "0e4ab001-7d51-4ee8-9d8c-2e6e9d1a4b55";

describe("volumeNames", () => {
  it("names an image-volume by its sealed name, and knows the one it has until then", () => {
    const names = volumeNames(plain);
    const name = names.nameFor({ kind: "image-volume", entryKey, attempt });
    expect(name).toBe("ivc-img-abcdef012345-0123456789");
    const tmp = "ivc-tmp-abcdef012345-0123456789";
    const both = { kind: "image-volume", name, img: name, tmp };
    expect(names.parse(name)).toEqual({ ...both, isSealed: true });
    expect(names.parse(tmp)).toEqual({ ...both, isSealed: false });
  });

  it("finds the volume id in the name of a user's volume", () => {
    const names = volumeNames(plain);
    const name = names.nameFor({ kind: "volume", volumeId });
    expect(name).toBe(`volume-${volumeId}-ivc`);
    expect(names.parse(name)).toEqual({ kind: "volume", volumeId });
    const foreign = volumeNames({ ...plain, volumeSuffix: "-cinder" });
    expect(foreign.parse(name)).toBeNull();
  });

  it("puts everything into the pod and the volume group", () => {
    const names = volumeNames({ ...plain, pod: "dr", volumeGroup: "cache" });
    const name = names.nameFor({ kind: "attempt", attempt });
    expect(name).toBe("dr::cache/ivc-tmp-0123456789");
    expect(names.leafOf(name)).toBe("ivc-tmp-0123456789");
    expect(names.marker).toBe("dr::cache/ivc-data-set");
    expect(names.parse(name)).toEqual({ kind: "attempt" });
    expect(names.parse("ivc-tmp-0123456789")).toBeNull();
  });

  it("tells from a tomb what it was and whether it may come back", () => {
    const names = volumeNames({ ...plain, volumeGroup: "g" });
    const name = names.nameFor({ kind: "image-volume", entryKey, attempt });
    const tomb = names.tombOf(name, serial, true);
    expect(tomb).toBe("g/ivc-img-abcdef012345-0123456789-r024c6f");
    expect(names.parse(tomb)).toEqual({
      kind: "tomb",
      of: name,
      isRestorable: true,
      serialEnd: "024c6f",
    });
    expect(names.parse(names.tombOf(name, serial, false))).toMatchObject({
      isRestorable: false,
    });
    expect(names.parse(names.tombOf(tomb, serial, false))).toBeNull();
  });

  it.each([
    "production-db",
    "",
    "../etc/passwd",
    "ivc-data-set",
    "ivc-img-abcdef012345-0123456789-extra",
    "ivc-img-ABCDEF012345-0123456789",
    "xivc-tmp-0123456789",
    "volume-0e4ab001-ivc",
    "volume-0e4ab001-7d51-4ee8-9d8c-2e6e9d1a4b55",
    "ivc-tmp-0123456789-x12345",
    "ivc-tmp-0123456789-y123456",
    "pod::ivc-tmp-0123456789",
  ])("does not take %p for a name of ours", (name) => {
    expect(volumeNames(plain).parse(name)).toBeNull();
  });

  it("gives no name longer than an array takes, with the longest parts that it allows", () => {
    const longest = {
      ...plain,
      prefix: "p".repeat(27),
      volumeSuffix: `-${"s".repeat(11)}`,
    };
    const names = volumeNames(longest);
    const all = [
      names.nameFor({ kind: "volume", volumeId: randomUUID() }),
      names.nameFor({
        kind: "image-volume",
        entryKey: randomBytes(16).toString("hex"),
        attempt,
      }),
    ].map((name) => names.tombOf(name, serial, true).length);
    expect(Math.max(...all)).toBe(63);
    for (const settings of [
      { ...longest, prefix: "p".repeat(28) },
      { ...longest, volumeSuffix: `-${"s".repeat(12)}` },
      { ...plain, prefix: "" },
      { ...plain, prefix: "-p" },
      { ...plain, prefix: "a*b" },
      { ...plain, volumeSuffix: "-ivc-" },
      { ...plain, pod: "a::b" },
      { ...plain, volumeGroup: "a/b" },
      { ...plain, volumeGroup: "" },
    ]) {
      expect(() => volumeNames(settings)).toThrow(/^CONFIG_INVALID: /);
    }
  });

  it.each(["", "0123", "0123456789a", "../../.."])(
    "refuses the attempt %p",
    (bad) => {
      const names = volumeNames(plain);
      expect(() => names.nameFor({ kind: "attempt", attempt: bad })).toThrow(
        "is not an attempt",
      );
    },
  );

  it("refuses an entry key that is none", () => {
    const names = volumeNames(plain);
    expect(() => names.ofEntry("' or name='*")).toThrow("not an entry key");
  });
});
