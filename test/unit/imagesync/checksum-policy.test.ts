import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import type { Checksum } from "../../../daemon/image.ts";
import { checksumsToVerify } from "../../../daemon/imagesync/checksum-policy.ts";
import { StreamVerifier } from "../../../daemon/imagesync/verify-stream.ts";
import { imageOf } from "../../helpers/image-requests.ts";

const sha512: Checksum = { algorithm: "sha512", value: "5".repeat(128) };
const md5: Checksum = { algorithm: "md5", value: "1".repeat(32) };
const asked: Checksum = { algorithm: "sha256", value: "2".repeat(64) };
const glance = imageOf({ checksums: [sha512, md5] });
const weak = imageOf({ checksums: [md5] });
const bare = imageOf();

function urlImage(checksum: Checksum | null) {
  const url = "https://images.example/a";
  return imageOf({
    reference: { kind: "url", url, diskFormat: "raw", checksum },
  });
}

describe("checksumsToVerify", () => {
  it.each([
    ["require", true, glance, [sha512]],
    ["require", false, glance, [sha512]],
    ["require", true, weak, [md5]],
    ["require", false, urlImage(asked), [asked]],
    ["prefer", false, weak, [md5]],
    ["prefer", true, bare, []],
    ["prefer", true, urlImage(null), []],
    ["off", true, glance, []],
    ["off", true, urlImage(asked), [asked]],
  ] as const)("%s, md5 %s", (checksums, allowMd5, image, expected) => {
    expect(checksumsToVerify(image, { checksums, allowMd5 })).toEqual(expected);
  });

  it.each([
    [true, bare, "IMAGE_NO_CHECKSUM", "image"],
    [true, urlImage(null), "IMAGE_NO_CHECKSUM", "request"],
    [false, weak, "IMAGE_WEAK_CHECKSUM", "image"],
  ] as const)(
    "refuses under require, md5 %s",
    (allowMd5, image, code, scope) => {
      const call = () =>
        checksumsToVerify(image, { checksums: "require", allowMd5 });
      expect(call).toThrow(expect.objectContaining({ code, scope }));
    },
  );
});

describe("StreamVerifier", () => {
  const bytes = Buffer.from("image");
  const sums = (["sha256", "md5"] as const).map((algorithm) => ({
    algorithm,
    value: createHash(algorithm).update(bytes).digest("hex"),
  }));
  const verify = (checksums: readonly Checksum[], sizeBytes: number | null) => {
    const expected = { imageId: "i", sizeBytes, checksums };
    const verifier = new StreamVerifier(expected);
    verifier.update(bytes.subarray(0, 2));
    verifier.update(bytes.subarray(2));
    return verifier.finish();
  };

  it("names the strongest of all checksums that fit", () => {
    expect(verify(sums, 5)).toBe(`sha256:${sums[0]!.value}`);
    expect(verify([], null)).toBeNull();
  });

  it("names algorithm, expected and got when one does not fit", () => {
    const call = () => verify([sums[0]!, md5], 5);
    expect(call).toThrow(
      `IMAGE_CORRUPT: image i has md5 ${sums[1]!.value}, expected ${md5.value}`,
    );
  });

  it.each([
    [4, "IMAGE_TOO_LONG"],
    [6, "IMAGE_TRUNCATED"],
  ])("holds 5 bytes against %i", (size, code) => {
    expect(() => verify(sums, size)).toThrow(expect.objectContaining({ code }));
  });
});
