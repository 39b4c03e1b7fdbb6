import type { Connector } from "../../backends/volume-backend.ts";
import { ArgumentReader, invalidArgument } from "./argument-reader.ts";

const maxWwpns = 64;

/*
 * What stands in these names goes into the queries and names of a storage system, so only what the standards allow
 * (RFC 3720 and 3722, NVMe base specification) gets through.
 */
const initiatorPattern = /^(?:iqn|eui|naa)\.[A-Za-z0-9._:-]{1,219}$/i;
const nqnPattern = /^nqn\.[A-Za-z0-9._:-]{1,219}$/;
const wwpnPattern = /^(?:0x)?[0-9a-f]{16}$/i;

/** Reads the argument `connector`: what os-brick's `get_connector_properties` tells; what we have no use for is ignored. */
export function readConnector(
  method: string,
  given: Readonly<Record<string, unknown>>,
): Connector {
  const own = Object.fromEntries(
    ["host", "initiator", "nqn"].map((name) => [
      `connector.${name}`,
      orNull(given[name]),
    ]),
  );
  const args = new ArgumentReader(method, own);
  return {
    host: args.requiredText("connector.host"),
    initiator: matching(
      args,
      "connector.initiator",
      initiatorPattern,
      "an iSCSI name such as iqn.1994-05.com.redhat:0a1b2c3d",
    ),
    nqn: matching(
      args,
      "connector.nqn",
      nqnPattern,
      "an NVMe name such as nqn.2014-08.org.nvmexpress:uuid:2a0f3c1e-5b1d-4a55-9c54-1f2e3d4c5b6a",
    ),
    wwpns: readWwpns(orNull(given["wwpns"])),
  };
}

/* Some connectors say "" or False for what their host does not have. */
function orNull(value: unknown): unknown {
  return value === "" || value === false ? null : value;
}

function matching(
  args: ArgumentReader,
  name: string,
  pattern: RegExp,
  wanted: string,
): string | null {
  const text = args.text(name);
  if (text !== null && !pattern.test(text)) {
    throw invalidArgument(name, text, wanted);
  }
  return text;
}

/** In os-brick's form: 16 hexadecimal digits in lower case. */
function readWwpns(value: unknown): readonly string[] {
  const list = value ?? [];
  if (!Array.isArray(list) || list.length > maxWwpns) {
    throw invalidArgument(
      "connector.wwpns",
      value,
      `a list of at most ${maxWwpns} port names`,
    );
  }
  return list.map((each: unknown) => {
    const digits = typeof each === "string" ? each.replaceAll(":", "") : "";
    if (!wwpnPattern.test(digits)) {
      throw invalidArgument(
        "connector.wwpns",
        each,
        "16 hexadecimal digits such as 500a09808001c2d3",
      );
    }
    return digits.slice(-16).toLowerCase();
  });
}
