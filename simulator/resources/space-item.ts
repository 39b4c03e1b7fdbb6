import type { ArrayModel } from "../model/array-model.ts";
import type { Item } from "../rest/endpoint.ts";
import type { Version } from "../version.ts";

/** What a space is told about; each kind has fields of its own. */
export type SpaceKind = "array" | "pod" | "volume" | "snapshot" | "other";

const ownFields: Readonly<Record<SpaceKind, readonly string[]>> = {
  array: [
    "replication",
    "shared_effective",
    "snapshots_effective",
    "unique_effective",
    "total_effective",
  ],
  pod: ["replication", "replication_effective", "shared_effective"],
  volume: ["snapshots_effective", "unique_effective", "total_effective"],
  snapshot: ["snapshots_effective"],
  other: [],
};

/** Evergreen//One sells effective space: these figures are not told. */
const notOnEvergreenOne = new Set([
  "data_reduction",
  "total_reduction",
  "total_physical",
  "total_provisioned",
  "total_used",
]);

/** Sizes of an object: what was provisioned, and what is written. */
export function spaceItem(
  model: ArrayModel,
  kind: SpaceKind,
  provisionedBytes: number,
  writtenBytes = 0,
): Item {
  const isArray = kind === "array";
  const thin = provisionedBytes === 0 ? 0 : 1 - writtenBytes / provisionedBytes;
  const all: Item = {
    data_reduction: 1,
    shared: isArray ? 0 : null,
    snapshots: 0,
    system: isArray ? 0 : null,
    thin_provisioning: Math.max(0, thin),
    total_physical: writtenBytes,
    total_provisioned: provisionedBytes,
    total_reduction: 1,
    total_used: writtenBytes,
    unique: writtenBytes,
    used_provisioned: provisionedBytes,
    virtual: writtenBytes,
    footprint: null,
    ...Object.fromEntries(ownFields[kind].map((field) => [field, 0])),
  };
  if (!model.settings.isEvergreenOne) {
    return all;
  }
  const kept = Object.entries(all).filter(
    ([field]) => !notOnEvergreenOne.has(field),
  );
  return Object.fromEntries(kept);
}

/** Versions of the fields of a space. Where no source tells, it is the first of the vendor's files 2.4, 2.26 and 2.36 that has the field. */
export function spaceSince(kind: SpaceKind): Readonly<Record<string, Version>> {
  const effective: Version = kind === "pod" ? "2.26" : "2.10";
  const own = ownFields[kind]
    .filter((field) => field.endsWith("_effective"))
    .map((field) => [`space.${field}`, effective] as const);
  return {
    "space.total_used": "2.26",
    "space.used_provisioned": "2.26",
    "space.footprint": "2.36",
    ...Object.fromEntries(own),
  };
}
