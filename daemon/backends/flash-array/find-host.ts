import type { Options } from "../volume-backend.ts";
import type { ArrayClient } from "./array-client.ts";
import { hostItem } from "./host-items.ts";
import type { HostItem } from "./host-items.ts";
import { comparable } from "./initiator.ts";
import type { Initiator } from "./initiator.ts";

/** The array's own host that has one of these initiators; of several, the one with the first. */
export async function findHost(
  client: ArrayClient,
  initiator: Initiator,
  options: Options,
): Promise<HostItem | null> {
  for (const names of spellings(initiator)) {
    const filter = filterOf(initiator.attribute, names);
    const hosts = await client.list("hosts", { filter }, hostItem, options);
    const found = hostWith(initiator, hosts);
    if (found !== null) {
      return found;
    }
  }
  return null;
}

/** As told, then in lower case: whether an array's filters ignore case is not documented. */
function spellings({ attribute, names }: Initiator): readonly string[][] {
  const lower = names.map((name) => name.toLowerCase());
  return attribute === "wwns" || lower.every((name, i) => name === names[i])
    ? [[...names]]
    : [[...names], lower];
}

function filterOf(attribute: string, names: readonly string[]): string {
  const conditions = names.map((name) => `${attribute}='${name}'`);
  return names.length === 1
    ? `${conditions.join("")} and is_local`
    : `(${conditions.join(" or ")}) and is_local`;
}

/** Which of these hosts has one of these initiators. Hosts of replicated arrays do not count. */
export function hostWith(
  { attribute, names }: Initiator,
  hosts: readonly HostItem[],
): HostItem | null {
  for (const name of names) {
    const found = hosts.find(
      (host) =>
        host.is_local &&
        host[attribute].some((each) => comparable(each) === comparable(name)),
    );
    if (found !== undefined) {
      return found;
    }
  }
  return null;
}
