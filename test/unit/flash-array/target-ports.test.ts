import { describe, expect, it } from "@jest/globals";
import type { ArrayClient } from "../../../daemon/backends/flash-array/array-client.ts";
import {
  TargetPorts,
  type TargetPortsOptions,
} from "../../../daemon/backends/flash-array/target-ports.ts";

const options = { signal: new AbortController().signal };
const iqn = "iqn.2010-06.com.purestorage:flasharray.7b1b42b9580af8aa";
const nqn = "nqn.2010-06.com.purestorage:flasharray.7b1b42b9580af8aa";

type Item = Readonly<Record<string, unknown>>;
type Lists = Readonly<Record<string, readonly Item[]>>;

const controllers = [
  { name: "CT0", status: "ready", mode: "primary" },
  { name: "CT1", status: "ready", mode: "secondary" },
];

function port(name: string, more: Item): Item {
  return { name, iqn: null, nqn: null, wwn: null, portal: null, ...more };
}

function ethernet(name: string, address: string | null, more: Item = {}): Item {
  const eth = { address, subtype: "physical" };
  return { name, enabled: true, services: ["iscsi"], eth, ...more };
}

/** Ports of an array, out of lists that can be changed; `reads` has the paths that were asked for. */
function portsOf(lists: Lists, more: Partial<TargetPortsOptions> = {}) {
  const now: Record<string, readonly Item[]> = {
    controllers,
    ports: [],
    "network-interfaces": [],
    ...lists,
  };
  const reads: string[] = [];
  const client: ArrayClient = {
    version: { major: 2, minor: 26 },
    list: async (path, _query, item) => {
      reads.push(path);
      return await Promise.resolve(
        (now[path] ?? []).map((one) => item.parse(one)),
      );
    },
    write: () => Promise.reject(new Error("nothing is written here")),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const ports = new TargetPorts({
    client,
    iscsiCidrs: [],
    nvmeCidrs: [],
    ...more,
  });
  return { ports, now, reads };
}

const iscsiPorts = [
  port("CT0.ETH4", { iqn, portal: "10.0.0.1:3260" }),
  port("CT0.ETH14", { nqn, portal: "10.0.0.9:4420" }),
  port("CT0.FC0", { wwn: "52:4A:93:71:AF:4E:82:00" }),
  port("CT1.ETH4", { iqn, portal: "[2001:db8::2]:3260" }),
];

async function portals({ ports }: { ports: TargetPorts }) {
  return (await ports.iscsi(options)).map(({ portal }) => portal);
}

describe("iSCSI portals", () => {
  it("are those of ports with an IQN", async () => {
    const rig = portsOf({ ports: iscsiPorts });
    await expect(rig.ports.iscsi(options)).resolves.toEqual([
      { iqn, portal: "10.0.0.1:3260" },
      { iqn, portal: "[2001:db8::2]:3260" },
    ]);
  });

  it("are also addresses of interfaces, for ports under a bond or a VLAN; each once", async () => {
    const rig = portsOf({
      ports: [port("CT0.ETH4", { iqn }), ...iscsiPorts],
      "network-interfaces": [
        ethernet("ct0.lacp0", "10.0.1.1"),
        ethernet("ct0.eth4.222", null),
        ethernet("ct0.eth4", "10.0.0.1"),
        ethernet("ct1.eth4.7", "2001:db8::7"),
        ethernet("ct0.eth6", "10.0.1.6", { enabled: false }),
        ethernet("ct0.eth0", "10.0.1.7", { services: ["management"] }),
        { name: "CT0.FC0", enabled: true, services: ["scsi-fc"], eth: null },
      ],
    });
    await expect(portals(rig)).resolves.toEqual([
      "10.0.0.1:3260",
      "[2001:db8::2]:3260",
      "10.0.1.1:3260",
      "[2001:db8::7]:3260",
    ]);
  });

  it("have the port that is told, where one is", async () => {
    const rig = portsOf({
      ports: [port("CT0.ETH4", { iqn, portal: "10.0.0.1:4711" })],
      "network-interfaces": [ethernet("ct0.eth4", "10.0.0.1")],
    });
    await expect(portals(rig)).resolves.toEqual(["10.0.0.1:4711"]);
  });

  it("are not those of a controller that is not ready", async () => {
    const rig = portsOf({
      controllers: [controllers[0]!, { name: "CT1", status: "updating" }],
      ports: iscsiPorts,
      "network-interfaces": [
        ethernet("ct1.eth5", "10.0.0.5"),
        ethernet("vif1", "10.0.0.6"),
      ],
    });
    await expect(portals(rig)).resolves.toEqual([
      "10.0.0.1:3260",
      "10.0.0.6:3260",
    ]);
  });

  it.each([
    [["10.0.0.0/8"], ["10.0.0.1:3260"]],
    [["2001:db8::/32"], ["[2001:db8::2]:3260"]],
    [
      ["2001:db8::/32", "10.0.0.1"],
      ["10.0.0.1:3260", "[2001:db8::2]:3260"],
    ],
  ])("within %j are %j", async (iscsiCidrs, expected) => {
    const rig = portsOf({ ports: iscsiPorts }, { iscsiCidrs });
    await expect(portals(rig)).resolves.toEqual(expected);
  });

  it("that are all outside the ranges make an error that names the setting and what there is", async () => {
    const rig = portsOf(
      { ports: iscsiPorts },
      { iscsiCidrs: ["172.16.0.0/12"] },
    );
    await expect(rig.ports.iscsi(options)).rejects.toMatchObject({
      code: "NO_TARGET_PORT",
      message: expect.stringMatching(
        /pure_iscsi_cidr_list.*10\.0\.0\.1:3260, \[2001:db8::2\]:3260/,
      ),
    });
  });

  it("that the array has not, make an error that does not blame the setting", async () => {
    const rig = portsOf(
      { ports: iscsiPorts.slice(1, 3) },
      { iscsiCidrs: ["10.0.0.0/8"] },
    );
    const failing = rig.ports.iscsi(options);
    await expect(failing).rejects.toMatchObject({ code: "NO_TARGET_PORT" });
    await expect(failing).rejects.not.toThrow("cidr");
  });
});

describe("NVMe/TCP portals", () => {
  it("are interfaces of that service within the ranges, as a port 4420 may be RoCE", async () => {
    const rig = portsOf(
      {
        ports: iscsiPorts,
        "network-interfaces": [
          ethernet("ct0.eth14", "10.0.0.9", { services: ["nvme-tcp"] }),
          ethernet("ct0.eth15", "10.0.0.10", { services: ["nvme-roce"] }),
          ethernet("ct1.eth14", "10.0.0.11", {
            services: ["iscsi", "nvme-tcp"],
          }),
          ethernet("ct1.eth15", "192.168.0.1", { services: ["nvme-tcp"] }),
        ],
      },
      { nvmeCidrs: ["10.0.0.0/8"] },
    );
    await expect(rig.ports.nvmeTcp(options)).resolves.toEqual({
      nqn,
      portals: [
        ["10.0.0.9", 4420],
        ["10.0.0.11", 4420],
      ],
    });
  });

  it("that are all outside the ranges make an error that names the setting", async () => {
    const rig = portsOf(
      {
        ports: iscsiPorts,
        "network-interfaces": [
          ethernet("ct0.eth14", "10.0.0.9", { services: ["nvme-tcp"] }),
        ],
      },
      { nvmeCidrs: ["172.16.0.0/12"] },
    );
    await expect(rig.ports.nvmeTcp(options)).rejects.toThrow(
      /pure_nvme_cidr_list.*10\.0\.0\.9/,
    );
  });
});

describe("Fibre Channel ports", () => {
  it("are those with a WWN that do not talk NVMe, upper case without colons", async () => {
    const rig = portsOf({
      ports: [
        ...iscsiPorts,
        port("CT0.FC1", { wwn: "52:4a:93:71:af:4e:82:01", nqn }),
        port("CT1.FC0", { wwn: "52:4a:93:71:af:4e:82:10" }),
      ],
    });
    await expect(rig.ports.fibreChannel(options)).resolves.toEqual([
      "524A9371AF4E8200",
      "524A9371AF4E8210",
    ]);
  });

  it("that the array has not, make an error", async () => {
    const rig = portsOf({ ports: iscsiPorts.slice(0, 2) });
    await expect(rig.ports.fibreChannel(options)).rejects.toMatchObject({
      code: "NO_TARGET_PORT",
    });
  });
});

describe("what was read", () => {
  it("serves those who ask soon after, also at the same time", async () => {
    const rig = portsOf({ ports: iscsiPorts });
    await Promise.all([portals(rig), portals(rig), portals(rig)]);
    await portals(rig);
    expect(rig.reads).toEqual(["controllers", "ports", "network-interfaces"]);
  });

  it("is read again when it is old", async () => {
    const rig = portsOf({ ports: iscsiPorts }, { keepMs: 0 });
    await portals(rig);
    rig.now["ports"] = iscsiPorts.slice(3);
    await expect(portals(rig)).resolves.toEqual(["[2001:db8::2]:3260"]);
  });

  it("is not kept when it was of no use", async () => {
    const rig = portsOf({});
    await expect(portals(rig)).rejects.toThrow("NO_TARGET_PORT");
    rig.now["ports"] = iscsiPorts;
    await expect(portals(rig)).resolves.toHaveLength(2);
  });

  it("by one who gave up, is read by the next", async () => {
    const rig = portsOf({ ports: iscsiPorts });
    const gone = AbortSignal.abort(new Error("gone"));
    await expect(rig.ports.iscsi({ signal: gone })).rejects.toThrow("gone");
    await expect(portals(rig)).resolves.toHaveLength(2);
  });
});
