import { beforeEach, describe, expect, it } from "@jest/globals";
import { Clock } from "../../../simulator/clock.ts";
import { changeSettings } from "../../../simulator/control/change-settings.ts";
import { faultRule } from "../../../simulator/control/fault-rule.ts";
import { Faults } from "../../../simulator/faults/faults.ts";
import { defaultArraySettings } from "../../../simulator/model/array-settings.ts";
import { RequestLog } from "../../../simulator/rest/request-log.ts";
import { Sessions } from "../../../simulator/rest/sessions.ts";

const clock = new Clock();
let settings = defaultArraySettings();
let newest: string | null = null;

beforeEach(() => {
  settings = defaultArraySettings();
  newest = null;
});

function change(body: Readonly<Record<string, unknown>>): void {
  changeSettings(
    {
      clock,
      log: new RequestLog(),
      faults: new Faults(),
      sessions: new Sessions(clock, settings),
      model: { settings },
      setNewest: (version) => {
        newest = version;
      },
    },
    body,
  );
}

describe("A setting", () => {
  it.each<[string, unknown]>([
    ["pageSize", 0],
    ["pageSize", -1],
    ["pageSize", 1.5],
    ["pageSize", null],
    ["idleTimeoutMs", -1],
    ["eradicationDelayMs", -1],
    ["eradicationDelayMs", Infinity],
    ["capacityBytes", Infinity],
    ["maxVolumes", -1],
    ["maxVolumeSizeBytes", 1_048_575],
    ["arrayName", ""],
    ["isFull", "true"],
    ["manualEradication", "no"],
    ["defaultProtection", "pgroup-auto"],
    ["defaultProtection", [7]],
    ["defaultProtection", [null]],
    ["defaultProtection", [""]],
    ["defaultProtection", [{ retentionLock: "ratcheted" }]],
    ["defaultProtection", [{ name: "pg", retentionLock: "bogus" }]],
    ["defaultProtection", [{ name: "pg", lock: "ratcheted" }]],
    ["newest", "2.37"],
    ["toString", 1],
  ])("%s cannot be %j", (name, value) => {
    expect(() => change({ arrayName: "other", [name]: value })).toThrow(name);
    expect(settings).toEqual(defaultArraySettings());
    expect(newest).toBeNull();
  });

  it.each<[string, unknown]>([
    ["pageSize", 1],
    ["idleTimeoutMs", 0],
    ["maxVolumes", 0],
    ["maxVolumeSizeBytes", 1_048_576],
    ["isFull", true],
    ["defaultProtection", []],
    ["defaultProtection", [{ name: "pg", retentionLock: "unlocked" }]],
  ])("%s can be %j", (name, value) => {
    change({ [name]: value });
    expect(settings).toMatchObject({ [name]: value });
  });

  it("defaultProtection takes names, of groups without a lock", () => {
    change({ defaultProtection: ["pgroup-auto"], newest: "2.36" });
    expect(settings.defaultProtection).toEqual([{ name: "pgroup-auto" }]);
    expect(newest).toBe("2.36");
  });
});

describe("A fault", () => {
  it.each([
    { kind: "too-many-requests", headers: { "Bad Header": "x" } },
    { kind: "too-many-requests", headers: { "X-A": "a\nb" } },
    { kind: "too-many-requests", headers: { "X-A": 1 } },
    { kind: "slow", ms: 2_147_483_648 },
    { kind: "hang", method: "get" },
  ])("cannot be %j", (body) => {
    expect(() => faultRule(body)).toThrow(/is unknown or wrong/u);
  });
});
