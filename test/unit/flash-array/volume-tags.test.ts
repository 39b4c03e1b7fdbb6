import { randomBytes, randomUUID } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import type { TagItem } from "../../../daemon/backends/flash-array/array-items.ts";
import {
  sealOf,
  sealTags,
  type Tag,
  tagsById,
} from "../../../daemon/backends/flash-array/volume-tags.ts";
import type { Seal } from "../../../daemon/backends/volume-backend.ts";

const serial = "6C1B16CE1C034D1C00024C6F";
const seal: Seal = {
  volumeId: randomUUID(),
  entryKey: randomBytes(32).toString("hex"),
  content: `sha512:${"ab".repeat(64)}/raw`,
  imageId: randomUUID(),
  virtualSizeBytes: 2_361_393_152,
  checksum: `sha512:${"cd".repeat(64)}`,
  sealedAtMs: 1_763_800_000_123,
};

function read(tags: readonly Tag[]): ReadonlyMap<string, string> {
  const items = tags.map(({ key, value }): TagItem => ({
    key,
    value,
    resource: { id: "v", name: "n" },
  }));
  return tagsById(items).get("v") ?? new Map<string, string>();
}

describe("a seal as tags", () => {
  it.each([
    ["of a Glance image", seal],
    ["without a checksum", { ...seal, checksum: null }],
    ["of a long URL", { ...seal, imageId: `https://a/${"x".repeat(1500)}` }],
    ["with other letters", { ...seal, content: "é€😀".repeat(100) }],
    ["with an empty text", { ...seal, content: "" }],
    ["of exactly one tag's length", { ...seal, content: "c".repeat(256) }],
    ["of one byte more", { ...seal, content: "c".repeat(257) }],
  ])("can be read back: %s", (_, wanted) => {
    const tags = sealTags(wanted, serial);
    expect(sealOf(read(tags), serial)).toEqual(wanted);
    expect(tags.length).toBeLessThanOrEqual(30);
    for (const { key, value, copyable, namespace } of tags) {
      expect(Buffer.byteLength(key)).toBeLessThanOrEqual(64);
      expect(Buffer.byteLength(value)).toBeLessThanOrEqual(256);
      expect({ copyable, namespace }).toEqual({
        copyable: false,
        namespace: "image-volume-cache",
      });
    }
    expect(new Set(tags.map(({ key }) => key)).size).toBe(tags.length);
    expect(tags.at(-1)?.key).toBe("sealed-at");
  });

  it("is no seal when any of its tags is missing", () => {
    const tags = sealTags({ ...seal, content: "c".repeat(300) }, serial);
    const needed = tags.filter(({ key }) => key !== "role");
    expect(needed.length).toBeGreaterThan(10);
    for (const { key } of needed) {
      const rest = tags.filter((tag) => tag.key !== key);
      expect([key, sealOf(read(rest), serial)]).toEqual([key, null]);
    }
  });

  it.each(["", "x", "-1", "1.5", "1e3", "99999999999999999999", " 1"])(
    "is no seal when a number reads %p",
    (value) => {
      for (const broken of ["virtual-size", "sealed-at", "content-parts"]) {
        const tags = sealTags(seal, serial).map((tag) =>
          tag.key === broken ? { ...tag, value } : tag,
        );
        expect(sealOf(read(tags), serial)).toBeNull();
      }
    },
  );

  it("is no seal of a volume with another serial", () => {
    const tags = read(sealTags(seal, serial));
    expect(sealOf(tags, `${serial.slice(0, -1)}E`)).toBeNull();
  });

  it("leaves nothing of a longer one that was there before", () => {
    const long = read(sealTags({ ...seal, content: "c".repeat(900) }, serial));
    const both = new Map([...long, ...read(sealTags(seal, serial))]);
    expect(sealOf(both, serial)).toEqual(seal);
  });

  it("is refused when it needs more tags than can be set at once", () => {
    const content = "c".repeat(256 * 25);
    expect(() => sealTags({ ...seal, content }, serial)).toThrow("too long");
  });
});
