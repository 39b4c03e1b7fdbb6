import { describe, expect, it } from "@jest/globals";
import { initiatorOf } from "../../../daemon/backends/flash-array/initiator.ts";
import type { Connector } from "../../../daemon/backends/volume-backend.ts";

const connector: Connector = {
  host: "compute-1",
  initiator: "iqn.1993-08.org.debian:01:ABC",
  nqn: "nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555",
  wwpns: ["50:01:43:80:24:2d:31:02", "500143802426baf4", "500143802426BAF4"],
};

describe("initiatorOf", () => {
  it("takes the IQN for iSCSI, as it is told", () => {
    expect(initiatorOf("iscsi", connector)).toEqual({
      attribute: "iqns",
      names: ["iqn.1993-08.org.debian:01:ABC"],
    });
  });

  it("takes the NQN for NVMe/TCP", () => {
    expect(initiatorOf("nvme-tcp", connector)).toEqual({
      attribute: "nqns",
      names: [connector.nqn],
    });
  });

  it("takes all WWPNs for Fibre Channel, once each, in the form hosts list them", () => {
    expect(initiatorOf("fc", connector)).toEqual({
      attribute: "wwns",
      names: ["500143802426BAF4", "50014380242D3102"],
    });
  });

  it.each([
    ["iscsi", { initiator: null }, /no "initiator"/],
    ["iscsi", { initiator: "" }, /no "initiator"/],
    ["nvme-tcp", { nqn: null }, /no "nqn"/],
    ["fc", { wwpns: [] }, /no "wwpns"/],
    ["fc", { wwpns: ["500143802426baf4", "50"] }, /16 hex digits/],
  ] as const)(
    "for %s refuses a connector with %j",
    (protocol, part, message) => {
      expect(() => initiatorOf(protocol, { ...connector, ...part })).toThrow(
        expect.objectContaining({
          code: "CONNECTOR_UNUSABLE",
          message: expect.stringMatching(message),
        }),
      );
    },
  );

  it.each(["iqn.x' or is_local", "iqn.*", "iqn.a,iqn.b", 'iqn."', "iqn.x y"])(
    "refuses %p, which would mean something else in a filter or list",
    (initiator) => {
      expect(() => initiatorOf("iscsi", { ...connector, initiator })).toThrow(
        expect.objectContaining({ code: "CONNECTOR_UNUSABLE" }),
      );
    },
  );
});
