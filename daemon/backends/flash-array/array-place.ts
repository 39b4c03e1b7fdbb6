import type { Logger } from "../../logger.ts";
import type { ArrayClient, Query } from "./array-client.ts";
import type { HostConnections } from "./host-connections.ts";
import type { RecentClones } from "./recent-clones.ts";
import { isAtLeast } from "./rest-version.ts";
import type { VolumeNames } from "./volume-names.ts";

/** Limits of a new volume's service: I/O operations and bytes per second. */
export interface Qos {
  readonly maxIOPS: number;
  readonly maxBWS: number;
}

/** How volumes are made and unmade. */
export interface ArrayRules {
  /** Deleted volumes are eradicated at once, where SafeMode lets us. */
  readonly isEradicating: boolean;
  /** Whether users' volumes join the array's default protection groups. Image-volumes never do. */
  readonly defaultProtection: "array" | "none";
  /** Of users' volumes. */
  readonly qos: Qos | null;
}

/** Our part of an array: what every step needs. */
export interface ArrayPlace {
  readonly client: ArrayClient;
  readonly names: VolumeNames;
  /** As people know the backend. */
  readonly where: string;
  readonly pod: string | null;
  readonly rules: ArrayRules;
  readonly recentClones: RecentClones;
  /** Id of the marker volume: what we made carries it. */
  readonly dataSetId: string;
  readonly hosts: HostConnections;
  readonly logger: Logger;
}

/** Parameter that keeps a new volume out of the default protection groups; arrays know it, and have such groups, from 2.16. */
export function unprotected(client: ArrayClient): Query {
  return isAtLeast(client.version, { major: 2, minor: 16 })
    ? { with_default_protection: false }
    : {};
}

/** How a new volume of a role is asked for, besides its name and source. */
export function creationOf(
  { client, rules }: ArrayPlace,
  role: "volume" | "image-volume",
): { readonly query: Query; readonly body: Readonly<Record<string, unknown>> } {
  const { qos, defaultProtection } = rules;
  if (role === "image-volume") {
    return { query: unprotected(client), body: {} };
  }
  return {
    query: defaultProtection === "none" ? unprotected(client) : {},
    body:
      qos === null
        ? {}
        : { qos: { iops_limit: qos.maxIOPS, bandwidth_limit: qos.maxBWS } },
  };
}
