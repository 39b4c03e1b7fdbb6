import { describe, expect, it } from "@jest/globals";
import {
  backendKeys,
  defaultBackendKey,
  volumeDirectoryKey,
} from "../../../daemon/redis/keys.ts";

/** What Redis Cluster hashes of a key. */
function hashTag(key: string): string | undefined {
  return /\{([^}]+)\}/u.exec(key)?.[1];
}

describe("backendKeys", () => {
  it("puts every key of a backend into one hash slot, whatever its ids are", () => {
    for (const make of Object.values(backendKeys("node-1@file#pool"))) {
      const key = typeof make === "function" ? make("{other}:id") : make;
      expect(hashTag(key)).toBe("node-1@file#pool");
      expect(key.startsWith("ivc:{node-1@file#pool}:")).toBe(true);
    }
  });

  it("makes a different key for every name and id", () => {
    const keys = Object.values(backendKeys("file")).flatMap((make) =>
      typeof make === "function" ? [make("a"), make("b")] : [make],
    );
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("keeps volumes without a project apart from every project", () => {
    const { volumesOf } = backendKeys("file");
    const keys = [null, "", "null", "projectless"].map((id) => volumesOf(id));
    expect(new Set(keys).size).toBe(4);
  });

  it.each(["", "a}b", "a{b", "a b", "a:b", "ä", "x".repeat(129)])(
    "refuses the backend name %j",
    (name) => {
      expect(() => backendKeys(name)).toThrow("CONFIG_INVALID");
    },
  );

  it("has keys of no backend outside every data set", () => {
    expect(volumeDirectoryKey("v")).toBe("ivc:where:v");
    expect(hashTag(defaultBackendKey)).toBeUndefined();
  });
});
