import { createHash } from "node:crypto";

// The array's limit, and Cinder's share of it for the name that people know.
const maxLength = 63;
const maxHostLength = 23;
const maxPrefixLength = 20;

/** Names of the hosts that daemons with one prefix make on an array. */
export interface HostNames {
  /** The host a daemon writes images through. */
  writer(node: string): string;
  /** The host of somebody who attaches volumes; `initiator` decides, `connectorHost` is for people. */
  connector(connectorHost: string, initiator: string): string;
  /** True for the writer of any node. */
  isWriter(name: string): boolean;
  /** True for what {@link connector} gave: such a host may be changed, and deleted when it is idle. */
  isConnector(name: string): boolean;
}

function shortHash(text: string, length: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, length);
}

/** Hosts, unlike volumes, take no underscore; first and last are a letter or digit. */
function cleaned(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
}

/** `text` as it may stand in a host's name. What had to be changed or cut carries a hash of the whole, so that two never become one. */
function fitted(text: string, length: number): string {
  const clean = cleaned(text);
  if (clean === text && clean.length <= length) {
    return clean;
  }
  const kept = cleaned(clean.slice(0, length - 9));
  return `${kept === "" ? "" : `${kept}-`}${shortHash(text, 8)}`;
}

/** The names that belong to one prefix. Arrays compare names without regard to case, and so does this. */
export function hostNames(prefix: string): HostNames {
  const fittedPrefix = fitted(prefix, maxPrefixLength);
  const writerStart = `${fittedPrefix}-writer-`;
  const connectorEnd = new RegExp(`-[0-9a-f]{12}-${fittedPrefix}$`, "i");
  const isConnector = (name: string) => connectorEnd.test(name);
  return {
    writer: (node) => {
      const name = `${writerStart}${fitted(node, maxLength - writerStart.length)}`;
      // A node may be called like the end of the other kind of host.
      return isConnector(name)
        ? `${writerStart}${shortHash(node, 8)}-writer`
        : name;
    },
    connector: (connectorHost, initiator) => {
      const host = cleaned(cleaned(connectorHost).slice(0, maxHostLength));
      const id = shortHash(initiator.toLowerCase(), 12);
      return `${host === "" ? "host" : host}-${id}-${fittedPrefix}`;
    },
    isWriter: (name) =>
      name.toLowerCase().startsWith(writerStart.toLowerCase()) &&
      !isConnector(name),
    isConnector,
  };
}
