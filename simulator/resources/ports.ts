import type { ArrayModel } from "../model/array-model.ts";
import { type TargetPort, targetPorts } from "../model/target-ports.ts";
import type { Endpoint, Item } from "../rest/endpoint.ts";
import { list, unpagedListing } from "./parameters.ts";
import { pickFixed } from "./pick-fixed.ts";

/** `ports`: iSCSI with an IQN, NVMe/TCP with an NQN, FC with a WWN. */
export function portEndpoints(model: ArrayModel): readonly Endpoint[] {
  return [
    {
      method: "GET",
      path: "ports",
      since: "2.2",
      query: { names: list },
      listing: unpagedListing,
      handle: ({ query }) => ({
        items: pickFixed(targetPorts(model).map(portItem), query, "Port"),
      }),
    },
  ];
}

function portItem({ name, protocol, target, portal }: TargetPort): Item {
  return {
    name,
    failover: null,
    iqn: protocol === "iscsi" ? target : null,
    nqn: protocol === "nvme-tcp" ? target : null,
    portal,
    wwn: protocol === "scsi-fc" ? target : null,
  };
}
