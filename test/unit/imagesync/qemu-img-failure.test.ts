import { describe, expect, it } from "@jest/globals";
import {
  fileFailure,
  lunFailure,
} from "../../../daemon/imagesync/qemu-img-failure.ts";

const iscsi = {
  kind: "iscsi",
  portals: ["10.0.0.1:3260"],
  iqn: "iqn.2010-06.com.example:array.1",
  lun: 1,
  initiatorName: "iqn.2026-11.com.example:ivc-1",
  chap: { user: "ivc'user", password: "word" },
  serial: "6C1B",
  sizeBytes: 1024,
  [Symbol.asyncDispose]: () => Promise.resolve(),
} as const;
const file = {
  kind: "file",
  path: "/srv/volume",
  sizeBytes: 1024,
  [Symbol.asyncDispose]: () => Promise.resolve(),
} as const;

function exit(...stderr: readonly string[]) {
  return {
    code: 1,
    signal: null,
    stderr: stderr.join("\n"),
    isSilent: false,
    endedBy: null,
  };
}

const opts = "driver=raw,file.driver=iscsi,file.user=ivc'user,file.lun=1";

describe("lunFailure", () => {
  it.each([
    [
      "a full array in SCSI's words",
      exit(
        "qemu-img: iSCSI WRITE10/16 failed at lba 8: SENSE KEY:DATA_PROTECTION(7) ASCQ:(null)(0x2707)",
        "qemu-img: error while writing at byte 4096: Permission denied",
      ),
      "BACKEND_FULL",
    ],
    [
      "a full array in those of this machine",
      exit("qemu-img: error while writing at byte 0: No space left on device"),
      "BACKEND_FULL",
    ],
    [
      "a device that fails",
      exit(
        "qemu-img: iSCSI WRITE10/16 failed at lba 8: SENSE KEY:(null)(3) ASCQ:(null)(0x1100)",
        "qemu-img: error while writing at byte 4096: Input/output error",
      ),
      "BACKEND_IO",
    ],
    [
      "a LUN that cannot be opened",
      exit(`qemu-img: Could not open '${opts}': iSCSI: odd`),
      "BACKEND_IO",
    ],
    [
      "a LUN that is too small",
      exit("qemu-img: output file is smaller than input file"),
      "BACKEND_IO",
    ],
    [
      "a broken image",
      exit("qemu-img: qcow2: Marking image as corrupt: L2 table offset"),
      "IMAGE_CORRUPT",
    ],
    ["anything else", exit("qemu-img: odd"), "IMAGE_CONVERT_FAILED"],
  ])("blames the right one for %s, and shows no options", (_, seen, code) => {
    const error = lunFailure(seen, iscsi);
    expect(error).toMatchObject({ code });
    expect(error.message).not.toMatch(/driver=|ivc'user|file\.lun/);
  });
});

describe("fileFailure", () => {
  it.each([
    ["No space left on device", "BACKEND_FULL"],
    ["Disk quota exceeded", "BACKEND_FULL"],
    ["Input/output error", "BACKEND_IO"],
  ])("knows what %s means", (text, code) => {
    const seen = exit(`qemu-img: error while writing at byte 0: ${text}`);
    expect(fileFailure(seen, file)).toMatchObject({ code });
  });
});
