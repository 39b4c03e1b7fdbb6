import { createHash } from "node:crypto";
import type { ArrayModel } from "../model/array-model.ts";
import { type TargetPort, targetPorts } from "../model/target-ports.ts";
import type { Endpoint, Item } from "../rest/endpoint.ts";
import { list, pagedListing } from "./parameters.ts";
import { pickFixed } from "./pick-fixed.ts";

/** `network-interfaces`: those of the ports, and the management ones. */
export function networkInterfaceEndpoints(
  model: ArrayModel,
): readonly Endpoint[] {
  return [
    {
      method: "GET",
      path: "network-interfaces",
      since: "2.4",
      query: { names: list },
      listing: pagedListing,
      handle: ({ query }) => ({
        items: pickFixed(
          [...targetPorts(model).map(interfaceOf), ...managementInterfaces()],
          query,
          "Network interface",
        ),
      }),
    },
  ];
}

/** Names are lower-case; those of FC are not. */
function interfaceOf(port: TargetPort): Item {
  if (port.protocol === "scsi-fc") {
    return {
      name: port.name,
      enabled: true,
      eth: {
        address: null,
        gateway: null,
        mac_address: null,
        mtu: null,
        netmask: null,
        subinterfaces: null,
        subnet: { name: null },
        subtype: null,
        vlan: null,
      },
      fc: { wwn: port.target },
      interface_type: "fc",
      services: ["scsi-fc"],
      speed: 16_000_000_000,
    };
  }
  return ethernetItem(
    port.name.toLowerCase(),
    addressOf(port.portal ?? ""),
    port.protocol,
    "physical",
  );
}

/** Hosts use the virtual one, which follows the primary controller. */
function managementInterfaces(): readonly Item[] {
  return [
    ethernetItem("ct0.eth0", "203.0.113.71", "management", "physical"),
    ethernetItem("ct1.eth0", "203.0.113.72", "management", "physical"),
    ethernetItem("vir0", "203.0.113.70", "management", "vif"),
  ];
}

function ethernetItem(
  name: string,
  address: string,
  service: string,
  subtype: "physical" | "vif",
): Item {
  return {
    name,
    enabled: true,
    eth: {
      address,
      gateway: null,
      mac_address: macOf(name),
      mtu: service === "management" ? 1500 : 9000,
      netmask: address.includes(":") ? null : "255.255.255.0",
      subinterfaces: [],
      subnet: { name: null },
      subtype,
      vlan: null,
    },
    fc: { wwn: null },
    interface_type: "eth",
    services: [service],
    speed: service === "management" ? 1_000_000_000 : 25_000_000_000,
  };
}

/** The address of a portal, without its port and the brackets of IPv6. */
function addressOf(portal: string): string {
  return portal.slice(0, portal.lastIndexOf(":")).replaceAll(/[[\]]/gu, "");
}

/** The vendor's prefix and digits that only the name decides. */
function macOf(name: string): string {
  const digits = createHash("sha256").update(name).digest("hex");
  return `24:a9:37:${digits.slice(0, 2)}:${digits.slice(2, 4)}:${digits.slice(4, 6)}`;
}
