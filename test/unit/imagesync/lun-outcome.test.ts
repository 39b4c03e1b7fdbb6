import { describe, expect, it } from "@jest/globals";
import { interruption } from "../../../daemon/imagesync/lun-outcome.ts";

describe("interruption", () => {
  it.each([
    "libiscsi:2 reconnect initiated [iqn.2010-06.com.example:array.1]",
    "qemu-img: iSCSI CheckCondition: SENSE KEY:UNIT_ATTENTION(6) ASCQ:BUS_RESET(0x2900)",
    "qemu-img: iSCSI CheckCondition: SENSE KEY:UNIT_ATTENTION(6) ASCQ:(null)(0x3f03)",
    "qemu-img: iSCSI WRITE10/16 failed at lba 8: SENSE KEY:ILLEGAL_REQUEST(5) ASCQ:LOGICAL_UNIT_NOT_SUPPORTED(0x2500)",
    "qemu-img: iSCSI GET_LBA_STATUS failed at lba 0: SENSE KEY:UNIT_ATTENTION(6) ASCQ:BUS_RESET(0x2900)",
    "qemu-img: iSCSI SYNCHRONIZECACHE10 failed: SENSE KEY:ILLEGAL_REQUEST(5) ASCQ:LOGICAL_UNIT_NOT_SUPPORTED(0x2500)",
  ])("is told by %s", (line) => {
    expect(line).toMatch(interruption);
  });

  it.each([
    // Each login gets one, and libiscsi takes it.
    "libiscsi:1 SENSE KEY:UNIT_ATTENTION(6) ASCQ:BUS_RESET(0x2900) [iqn.2010-06.com.example:array.1]",
    // Another volume was connected to the host.
    "qemu-img: iSCSI CheckCondition: SENSE KEY:UNIT_ATTENTION(6) ASCQ:(null)(0x3f0e)",
    "qemu-img: iSCSI: Failed to connect to LUN : SENSE KEY:ILLEGAL_REQUEST(5) ASCQ:LOGICAL_UNIT_NOT_SUPPORTED(0x2500)",
    "qemu-img: iSCSI WRITE10/16 failed at lba 8: SENSE KEY:(null)(3) ASCQ:(null)(0x1100)",
  ])("is not told by %s", (line) => {
    expect(line).not.toMatch(interruption);
  });
});
