import { describe, expect, it } from "@jest/globals";
import type { IscsiTarget } from "../../../daemon/backends/volume-backend.ts";
import { checkIscsiTarget } from "../../../daemon/imagesync/check-iscsi-target.ts";
import { lunOptions } from "../../../daemon/imagesync/lun-options.ts";

function target(parts: Partial<IscsiTarget> = {}): IscsiTarget {
  return {
    kind: "iscsi",
    portals: ["10.0.0.1:3260", "[fd00::1]:3260", "array-1.example:3260"],
    iqn: "iqn.2010-06.com.example:array.1",
    lun: 1,
    initiatorName: "iqn.2026-11.com.example:ivc-1",
    chap: { user: "ivc", password: "word" },
    serial: "6C1B",
    sizeBytes: 1024,
    [Symbol.asyncDispose]: () => Promise.resolve(),
    ...parts,
  };
}

describe("checkIscsiTarget", () => {
  it.each<Partial<IscsiTarget>>([
    {},
    { chap: null, lun: 0 },
    { iqn: "eui.02004567A425678D", lun: 16_383 },
  ])("lets ordinary ones pass: %j", (parts) => {
    expect(() => {
      checkIscsiTarget(target(parts));
    }).not.toThrow();
  });

  it.each<[string, Partial<IscsiTarget>]>([
    ["no portal", { portals: [] }],
    ["a portal without a port", { portals: ["10.0.0.1"] }],
    ["a portal with more after it", { portals: ["10.0.0.1:3260,file.lun=2"] }],
    ["one bad portal of two", { portals: ["10.0.0.1:3260", "a/b:3260"] }],
    ["a name with a slash", { iqn: "iqn.2010-06.com.example:a/2" }],
    ["a name with a comma", { iqn: "iqn.2010-06.com.example:a,b=c" }],
    ["a name that begins as an option", { initiatorName: "-d" }],
    ["a negative number", { lun: -1 }],
    ["a number too large", { lun: 16_384 }],
    ["a broken number", { lun: 1.5 }],
    ["a user with a newline", { chap: { user: "a\nb", password: "word" } }],
    ["no user", { chap: { user: "", password: "word" } }],
    ["a secret with NUL", { chap: { user: "ivc", password: "word\0" } }],
    ["no secret", { chap: { user: "ivc", password: "" } }],
    ["no serial", { serial: " " }],
  ])("refuses %s, and shows no value", (_, parts) => {
    const check = () => {
      checkIscsiTarget(target(parts));
    };
    expect(check).toThrow(
      expect.objectContaining({
        code: "BACKEND_IO",
        retry: "never",
        message: expect.not.stringContaining("word"),
      }),
    );
  });
});

describe("lunOptions", () => {
  it("doubles commas, and has no secret in it", () => {
    const chap = { user: "a,file.lun=2", password: "word" };
    expect(lunOptions(target({ chap }), "[fd00::1]:3260")).toBe(
      "driver=raw,file.driver=iscsi,file.transport=tcp,file.portal=[fd00::1]:3260,file.target=iqn.2010-06.com.example:array.1,file.lun=1,file.initiator-name=iqn.2026-11.com.example:ivc-1,file.user=a,,file.lun=2,file.password-secret=s0",
    );
  });

  it("refers to no secret where there is none", () => {
    expect(lunOptions(target({ chap: null }), "10.0.0.1:3260")).not.toMatch(
      /user|secret/,
    );
  });
});
