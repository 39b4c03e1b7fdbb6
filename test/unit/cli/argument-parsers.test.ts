import { describe, expect, it } from "@jest/globals";
import {
  collectPair,
  parseCacheTarget,
  parseChecksum,
  parseImageUrl,
  parseSizeGb,
  parseTimeout,
  parseUuid,
} from "../../../cli/argument-parsers.ts";

const uuid = "5f0c6f4e-6f0a-4d52-8a3c-1b7f0b6d9a10";

describe("argument parsers", () => {
  it("take UUIDs in either case", () => {
    expect(parseUuid(uuid.toUpperCase())).toBe(uuid);
  });

  it.each(["", "5f0c6f4e", `${uuid}0`, `{${uuid}}`])(
    "refuse the id %p",
    (id) => {
      expect(() => parseUuid(id)).toThrow("UUID");
    },
  );

  it.each([
    ["20", 20],
    ["1G", 1],
    ["20GiB", 20],
    ["2T", 2048],
    ["2 TiB", 2048],
    ["65536", 65_536],
  ])("take the size %p", (text, size) => {
    expect(parseSizeGb(text)).toBe(size);
  });

  it.each(["0", "-1", "1.5", "65537", "65T", "20M", "", "0x10", "1e3"])(
    "refuse the size %p",
    (text) => {
      expect(() => parseSizeGb(text)).toThrow("whole number of GiB");
    },
  );

  it.each([
    ["90", 90_000],
    ["0.5s", 500],
    ["10m", 600_000],
    ["2h", 7_200_000],
    ["250ms", 250],
  ])("take the time %p", (text, ms) => {
    expect(parseTimeout(text)).toBe(ms);
  });

  it.each(["0", "-1", "1d", "forever", "25000h"])(
    "refuse the time %p",
    (text) => {
      expect(() => parseTimeout(text)).toThrow("Need a time");
    },
  );

  it("take checksums of the right length only", () => {
    expect(parseChecksum(`SHA256:${"AB".repeat(32)}`)).toBe(
      `sha256:${"ab".repeat(32)}`,
    );
    for (const wrong of ["sha256:ab", "crc32:abcdabcd", "ab".repeat(32)]) {
      expect(() => parseChecksum(wrong)).toThrow("algorithm:hex");
    }
  });

  it("take http URLs only", () => {
    expect(parseImageUrl("https://x/y.img")).toBe("https://x/y.img");
    for (const wrong of ["file:///etc/passwd", "x/y.img", "ftp://x/y"]) {
      expect(() => parseImageUrl(wrong)).toThrow("http");
    }
  });

  it("collect pairs, each key once", () => {
    expect(collectPair("b=2=3", collectPair("a="))).toEqual({
      a: "",
      b: "2=3",
    });
    expect(() => collectPair("=x")).toThrow("key=value");
    expect(() => collectPair("a=2", { a: "1" })).toThrow("twice");
  });

  it("tell an image from a content", () => {
    expect(parseCacheTarget(uuid)).toEqual({ image_id: uuid });
    expect(parseCacheTarget("sha512:ab/raw")).toEqual({
      content: "sha512:ab/raw",
    });
    const url = `url:${"0".repeat(64)}`;
    expect(parseCacheTarget(url)).toEqual({ image_id: url });
    expect(() => parseCacheTarget("ubuntu")).toThrow("image id");
  });
});
