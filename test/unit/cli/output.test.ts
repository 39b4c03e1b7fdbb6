import { describe, expect, it } from "@jest/globals";
import { cacheStats, cacheTable } from "../../../cli/output/cache-view.ts";
import { connectionDetails } from "../../../cli/output/connection-view.ts";
import { eventLine } from "../../../cli/output/event-line.ts";
import { humanBytes } from "../../../cli/output/human-bytes.ts";
import { humanDuration } from "../../../cli/output/human-duration.ts";
import { humanTime } from "../../../cli/output/human-time.ts";
import { printable } from "../../../cli/output/printable.ts";
import { progressText } from "../../../cli/output/progress-text.ts";
import { renderTable } from "../../../cli/output/render-table.ts";
import { volumeDetails, volumeTable } from "../../../cli/output/volume-view.ts";

describe("humanBytes", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1024 ** 2 - 1, "1.0 MiB"],
    [5_081_088, "4.8 MiB"],
    [150 * 1024 ** 2, "150 MiB"],
    [1024 ** 3, "1.0 GiB"],
    [3 * 1024 ** 6, "3072 PiB"],
    [null, "-"],
    ["5", "-"],
  ])("writes %p as %p", (bytes, text) => {
    expect(humanBytes(bytes)).toBe(text);
  });
});

describe("humanDuration", () => {
  it.each([
    [0.34, "0.3 ms"],
    [12, "12 ms"],
    [999.6, "1.0 s"],
    [4200, "4.2 s"],
    [59_999, "1 min 0 s"],
    [200_000, "3 min 20 s"],
    [3_599_999, "1 h 0 min"],
    [18_600_000, "5 h 10 min"],
    [183_600_000, "2 d 3 h"],
    [undefined, "-"],
  ])("writes %p as %p", (ms, text) => {
    expect(humanDuration(ms)).toBe(text);
  });
});

describe("humanTime", () => {
  it("takes ISO text and epoch milliseconds", () => {
    expect(humanTime("2026-11-22T13:55:57.123Z")).toBe("2026-11-22 13:55:57Z");
    expect(humanTime(0)).toBe("1970-01-01 00:00:00Z");
    expect(humanTime("soon")).toBe("-");
  });
});

describe("printable", () => {
  it("lets no character through that a terminal would obey", () => {
    expect(printable("a\u001b[31mb\nc\u202ed")).toBe(
      "a\\u{1b}[31mb\\u{a}c\\u{202e}d",
    );
  });

  it("shows nothing as a dash and objects as JSON", () => {
    expect([null, undefined, "", 0, false, { a: 1 }].map(printable)).toEqual([
      "-",
      "-",
      "-",
      "0",
      "false",
      '{"a":1}',
    ]);
  });
});

describe("renderTable", () => {
  it("aligns columns, numbers to the right", () => {
    const rows = [
      { name: "a", size: "5" },
      { name: "größer", size: "1000" },
    ];
    const table = renderTable(
      [
        { title: "NAME", cell: (row) => row.name },
        { title: "SIZE", align: "right", cell: (row) => row.size },
      ],
      rows,
    );
    expect(table.split("\n")).toEqual([
      "NAME    SIZE",
      "a          5",
      "größer  1000",
    ]);
  });
});

describe("progressText", () => {
  it("tells phase, bytes, per cent, rate and what is left", () => {
    const text = progressText({
      phase: "download",
      bytes_done: 256 * 1024 ** 2,
      bytes_total: 1024 ** 3,
      percent: 25,
      rate: 128 * 1024 ** 2,
    });
    expect(text).toBe(
      "download  256 MiB of 1.0 GiB  25 %  128 MiB/s  6.0 s left",
    );
  });

  it("tells what is known when little is", () => {
    expect(progressText({ phase: "queued", bytes_done: 0 })).toBe("queued");
  });
});

describe("views", () => {
  const volume = {
    volume_id: "5f0c6f4e-6f0a-4d52-8a3c-1b7f0b6d9a10",
    name: "boot\u001b]0;x",
    status: "error",
    size: 20,
    path: "miss",
    reason: "absent",
    backend: "file",
    connection: {
      driver_volume_type: "local",
      data: { device_path: "/srv/volume-1" },
    },
    error: { code: "IMAGE_CORRUPT", message: "IMAGE_CORRUPT: wrong hash" },
    timings_ms: { download: 1200 },
    metadata: { os: "linux" },
  };

  it("shows a volume", () => {
    const text = volumeDetails(volume);
    expect(text).toMatch(/^error +IMAGE_CORRUPT: wrong hash$/m);
    expect(text).toMatch(/^path +miss \(absent\)$/m);
    expect(text).toMatch(/^connection +local \/srv\/volume-1$/m);
    expect(text).toMatch(/^timings +download=1.2 s$/m);
    expect(text).toMatch(/^metadata +os=linux$/m);
    expect(text).not.toContain("\u001b");
  });

  it("shows how a volume without a connection gets one, once it is there", () => {
    const lines = ["available", "creating"].map(
      (status) =>
        /^connection +(.*)$/m.exec(
          volumeDetails({ ...volume, status, connection: null }),
        )?.[1],
    );
    expect(lines).toEqual([
      "for each host: ivc volume connect <id> --host <host>",
      "-",
    ]);
    expect(volumeDetails({ status: "available" })).toMatch(/^connection +-$/m);
  });

  it("shows a connection, but no password in it", () => {
    const text = connectionDetails({
      driver_volume_type: "fibre_channel",
      data: {
        target_wwn: ["5001", "5002"],
        initiator_target_map: { "50\u001b": ["5001"] },
        targets: [["10.0.0.1", 4420, "tcp"]],
        auth_password: "canary",
        discovery_auth_password: null,
      },
    });
    expect(text.split("\n")).toEqual([
      "driver_volume_type       fibre_channel",
      "target_wwn               5001, 5002",
      'initiator_target_map     {"50\\u001b":["5001"]}',
      "targets                  10.0.0.1 4420 tcp",
      "auth_password            *** (--json shows it)",
      "discovery_auth_password  -",
    ]);
  });

  it("shows volumes of a daemon that tells less", () => {
    expect(volumeTable([{}]).split("\n")).toHaveLength(2);
  });

  it("shortens hashes in the table of the cache", () => {
    const content = `sha512:${"ab".repeat(64)}/raw`;
    const table = cacheTable([{ content, state: "ready", hits: 3 }]);
    expect(table).toContain("sha512:abababababab…/raw");
  });

  it("shows limits and the hit ratio", () => {
    const text = cacheStats({
      entries: 2,
      max_count: 0,
      size_gb: 5,
      max_size_gb: 10,
      hit_ratio: 0.875,
      requests: { hit: 6, coalesced: 1, miss: 1 },
    });
    expect(text).toMatch(/^entries +2 of unlimited$/m);
    expect(text).toMatch(/^size +5 GiB of 10 GiB$/m);
    expect(text).toMatch(/^hit ratio +87.5 %$/m);
    expect(text).toMatch(/^requests +hit 6, coalesced 1, miss 1, bypass 0$/m);
  });

  it("shows a notification on one line", () => {
    const line = eventLine({
      event_type: "image_volume_cache.hit",
      timestamp: "2026-11-22 11:19:20.517809",
      payload: { image_id: "i-1", path: "hit", duration_ms: 12 },
    });
    expect(line).toMatch(
      /^2026-11-22 11:19:20.517 {2}image_volume_cache.hit +image_id=i-1 {2}path=hit {2}took 12 ms$/,
    );
  });
});
