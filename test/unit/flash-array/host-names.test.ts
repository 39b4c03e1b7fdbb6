import { describe, expect, it } from "@jest/globals";
import { assert, property, string } from "fast-check";
import { hostNames } from "../../../daemon/backends/flash-array/host-names.ts";

const names = hostNames("ivc");
const iqn = "iqn.1993-08.org.debian:01:abc";
/** What an array takes as a host's name. */
const valid = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

describe("the host a daemon writes through", () => {
  it("is called after prefix and node", () => {
    expect(names.writer("compute-1")).toBe("ivc-writer-compute-1");
  });

  it("carries a hash where the node's name had to be changed", () => {
    expect(names.writer("rack_1.compute")).toMatch(
      /^ivc-writer-rack-1-compute-[0-9a-f]{8}$/,
    );
    expect(names.writer("rack_1.compute")).not.toBe(
      names.writer("rack.1_compute"),
    );
  });

  it("is as long as an array takes, and differs where only the cut part does", () => {
    const node = "n".repeat(51);
    expect(names.writer(node)).toHaveLength(62);
    expect(names.writer(`${node}n`)).toHaveLength(63);
    expect(names.writer(`${node}n`)).toBe(`ivc-writer-${node}n`);
    expect(names.writer(`${node}nn1`)).toHaveLength(63);
    expect(names.writer(`${node}nn1`)).not.toBe(names.writer(`${node}nn2`));
    expect(names.writer(`${node}nn1`)).toBe(names.writer(`${node}nn1`));
  });

  it("is known for every node, in any case, and for no other prefix", () => {
    expect(names.isWriter("IVC-Writer-other")).toBe(true);
    expect(hostNames("ivc2").isWriter("ivc-writer-other")).toBe(false);
    expect(hostNames("iv").isWriter("ivc-writer-other")).toBe(false);
  });

  it("is not taken for a connector's, whatever the node is called", () => {
    const name = names.writer("x-0123456789ab-ivc");
    expect(names.isWriter(name)).toBe(true);
    expect(names.isConnector(name)).toBe(false);
  });
});

describe("the host of a connector", () => {
  it("has 23 characters for people, the initiator's hash and the prefix", () => {
    expect(names.connector("compute-1.rack_2.example.org", iqn)).toMatch(
      /^compute-1-rack-2-exampl-[0-9a-f]{12}-ivc$/,
    );
  });

  it("depends on the initiator, but not on its case", () => {
    const name = names.connector("c1", iqn);
    expect(names.connector("c1", iqn.toUpperCase())).toBe(name);
    expect(names.connector("c1", `${iqn}d`)).not.toBe(name);
  });

  it("has a name even where the connector tells none", () => {
    expect(names.connector("...", iqn)).toMatch(/^host-[0-9a-f]{12}-ivc$/);
  });

  it("is not taken for a writer, whatever it is called", () => {
    const name = names.connector("ivc-writer-compute-1", iqn);
    expect(names.isConnector(name)).toBe(true);
    expect(names.isWriter(name)).toBe(false);
  });

  it.each([
    "compute-1",
    "c1-0123456789ab-ivc2",
    "c1-0123456789a-ivc",
    "c1-0123456789ag-ivc",
    "c1-9a1f8f4e7d0c4b1e9f3a2b1c0d9e8f7a-cinder",
  ])("is not seen in %s", (name) => {
    expect(names.isConnector(name)).toBe(false);
  });
});

it("gives names that an array takes, of either kind and never of both", () => {
  assert(
    property(
      string({ minLength: 1, maxLength: 80 }),
      string({ minLength: 1, maxLength: 30 }),
      (text, prefix) => {
        const some = hostNames(prefix);
        const writer = some.writer(text);
        const connector = some.connector(text, iqn);
        expect(writer).toMatch(valid);
        expect(connector).toMatch(valid);
        expect([some.isWriter(writer), some.isConnector(writer)]).toEqual([
          true,
          false,
        ]);
        expect([some.isWriter(connector), some.isConnector(connector)]).toEqual(
          [false, true],
        );
      },
    ),
  );
});
